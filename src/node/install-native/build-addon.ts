import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { BicotError } from '../../errors.js';
import type { Tools } from './check-tools.js';
import { type Environment, lastLines, runProgram } from './run-program.js';
import type { Settings } from './settings.js';
import type { Undo } from './undo.js';

/** What the package's own installer makes: links or libraries, the addon, and a failed build of it. */
const MADE = ['deps', 'lib', 'build'] as const;

/** Lines of a log that say where a program failed, and not why. */
const NOISE =
  /^(node-pre-gyp|gyp) (info|ERR! (stack +at|System|command|cwd|node|not ok|\$npm))|^Failed to execute/;

/** True if the package's addon was built against this unpacked wheel. */
export function isLinked(folder: string, { home }: Settings): boolean {
  try {
    return readlinkSync(join(folder, 'deps/lib')) === join(home, 'tensorflow');
  } catch {
    return false; // not there, or libraries of its own
  }
}

/**
 * Links the unpacked wheel into the npm package and builds the package's addon against it, by the package's own script.
 * @param folder of the npm package
 * @returns what removes the addon that was there before, for good: to be called when the new one works
 * @throws BicotError `backend` if it does not build
 */
export async function buildAddon(
  settings: Settings,
  { npm, python }: Tools,
  folder: string,
  undo: Undo,
): Promise<() => Promise<void>> {
  const { environment, gpu, signal, report } = settings;
  const forget = await putAside(folder, undo);
  await link(settings, folder);
  report(`Building the addon in ${folder}.`);
  const { succeeded, log } = await runProgram(npm, ['run', 'build-addon-from-source'], {
    folder,
    environment: {
      ...environment,
      npm_config_python: python,
      ...nodeHeaders(environment),
      // TensorFlow opens CUDA's libraries by name. DT_RPATH, unlike the newer DT_RUNPATH, is searched on behalf of
      // libraries that the addon loads too, so those linked into deps/lib are found without LD_LIBRARY_PATH.
      ...(gpu && { LDFLAGS: `${environment.LDFLAGS ?? ''} -Wl,--disable-new-dtags` }),
    },
    signal,
  });
  await removeTemporary(folder);
  if (!succeeded) throw buildFailure(log);
  return forget;
}

/**
 * Moves away what an installer has made before, and remembers to put it back. What a run that was killed has moved away
 * is older than what lies in its place, and stays.
 * @returns what removes it for good
 */
async function putAside(folder: string, undo: Undo): Promise<() => Promise<void>> {
  const removeAll = async (pathOf: (name: string) => string): Promise<void> => {
    for (const name of MADE) await rm(pathOf(name), { recursive: true, force: true });
  };
  const usual = (name: string): string => join(folder, name);
  const aside = (name: string): string => join(folder, `.${name}-before-bicot`);
  undo.add(async () => {
    await removeAll(usual);
    await removeTemporary(folder);
    for (const name of MADE.filter((name) => exists(aside(name)))) await rename(aside(name), usual(name));
  });
  for (const name of MADE.filter((name) => exists(usual(name)))) {
    if (exists(aside(name))) await rm(usual(name), { recursive: true });
    else await rename(usual(name), aside(name));
  }
  return () => removeAll(aside);
}

/** True for links that lead nowhere, too. */
const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/** The addon is linked with deps/lib and finds it by its own place. Folders are linked, so that TensorFlow finds nvidia/. */
async function link({ home }: Settings, folder: string): Promise<void> {
  const tensorflow = join(home, 'tensorflow');
  await mkdir(join(folder, 'deps'));
  await symlink(join(tensorflow, 'include'), join(folder, 'deps/include'));
  await symlink(tensorflow, join(folder, 'deps/lib'));
  // The package's installer looks for a file with the version that it was made for. With it, `npm rebuild` leaves the
  // links alone.
  const { depsLibTensorFlowName } = createRequire(join(folder, 'noop.js'))('./scripts/deps-constants.js') as {
    readonly depsLibTensorFlowName: string;
  };
  const expected = join(tensorflow, depsLibTensorFlowName);
  if (!exists(expected)) await symlink('libtensorflow_cc.so.2', expected);
}

/** Spares node-gyp a download of Node's headers, if they lie beside Node. */
function nodeHeaders(environment: Environment): Environment {
  const prefix = resolve(process.execPath, '../..');
  if (environment.npm_config_nodedir || !existsSync(join(prefix, 'include/node/node_api.h'))) return {};
  return { npm_config_nodedir: prefix };
}

async function removeTemporary(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('build-tmp-napi-v') || name === 'build')
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

function buildFailure(log: string): BicotError {
  const noHeaders = /getaddrinfo|ECONNREFUSED|ETIMEDOUT|response downloading|node_api\.h: No such file/.test(
    log,
  );
  const remedy = noHeaders
    ? "Node's headers were not to be had: install them (`apt install libnode-dev` for Debian's Node, or Node from nodejs.org), or set npm_config_nodedir to a folder with include/node."
    : 'Run `apt install build-essential`; if that is there, the lines below say what is wrong.';
  const telling = log
    .split('\n')
    .filter((line) => !NOISE.test(line))
    .join('\n');
  return new BicotError(
    'backend',
    `install-native: the addon did not build. ${remedy}\n${lastLines(telling)}`,
  );
}
