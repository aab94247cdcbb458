import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BicotError } from '../../errors.js';
import type { Tools } from './check-tools.js';
import { findPackage, versionOfPackage } from './find-package.js';
import { lastLines, runProgram } from './run-program.js';
import type { Settings } from './settings.js';
import type { Undo } from './undo.js';

/** The release of the package where the project has no TensorFlow.js that decides. */
const DEFAULT_TFJS = '4.22.0';

/** Lockfiles of other package managers, which npm would contradict. */
const OTHER_LOCKFILES = ['pnpm-lock.yaml', 'yarn.lock', 'bun.lock'] as const;

/**
 * Sees to it that the project has the npm package. Its own installer is not run, as that downloads another TensorFlow. It
 * becomes an optional dependency, so that a later `npm ci` succeeds where the installer fails.
 * @returns the package's folder
 * @throws BicotError `backend` if it cannot be installed, or would bring a second TensorFlow.js
 */
export async function ensurePackage(settings: Settings, tools: Tools, undo: Undo): Promise<string> {
  const { project, npmPackage } = settings;
  const found = findPackage(project, npmPackage) ?? (await installPackage(settings, tools, undo));
  const [own, others] = [project, found].map((folder) => findPackage(folder, '@tensorflow/tfjs'));
  if (own !== undefined && others !== undefined && own !== others) {
    throw new BicotError(
      'backend',
      `install-native: ${npmPackage} ${versionOfPackage(found)} brings TensorFlow.js ${versionOfPackage(others)} beside the project's ${versionOfPackage(own)}, and two copies do not know each other's tensors. Give both the same version (npm ls @tensorflow/tfjs; npm dedupe).`,
    );
  }
  return found;
}

async function installPackage(settings: Settings, { npm }: Tools, undo: Undo): Promise<string> {
  const { project, npmPackage, environment, signal, report } = settings;
  const tfjs = findPackage(project, '@tensorflow/tfjs');
  const spec = `${npmPackage}@${tfjs === undefined ? DEFAULT_TFJS : versionOfPackage(tfjs)}`;
  const root = await npmRoot(settings, npm);
  refuseOtherManagers(project, spec);
  refuseMissingModules(await readFile(join(project, 'package.json'), 'utf8'), root);

  report(`Installing ${spec}, without its install script.`);
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const takeBackManifests = await rememberManifests(project, root);
  const modules = join(root, 'node_modules');
  const before = existsSync(modules) ? await readdir(modules) : undefined;
  undo.add(async () => {
    if (before === undefined) await rm(modules, { recursive: true, force: true });
    else if (findPackage(project, npmPackage) !== undefined) {
      await runProgram(npm, ['uninstall', ...options, npmPackage], { folder: project, environment });
    }
    await takeBackManifests();
    if (before !== undefined) await removeOthers(modules, before); // npm leaves folders that are empty
    if (findPackage(project, npmPackage) !== undefined) throw new Error(`${npmPackage} is still installed`);
  });
  const { succeeded, log } = await runProgram(npm, ['install', ...options, '--save-optional', spec], {
    folder: project,
    environment,
    signal,
  });
  const found = findPackage(project, npmPackage);
  if (succeeded && found !== undefined) return found;
  throw new BicotError(
    'backend',
    `install-native: npm could not install ${spec}. Check the network and npm's registry, or run \`npm install --ignore-scripts --save-optional ${spec}\` and see.\n${lastLines(log)}`,
  );
}

async function removeOthers(folder: string, names: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!names.includes(name)) await rm(join(folder, name), { recursive: true });
  }
}

/** The folder with the lockfile and `node_modules`: the project, or that of the workspaces it belongs to. */
async function npmRoot({ project, environment, signal }: Settings, npm: string): Promise<string> {
  const { succeeded, printed } = await runProgram(npm, ['prefix'], { folder: project, environment, signal });
  const root = printed.trim().split('\n').at(-1);
  return succeeded && root && existsSync(join(root, 'package.json')) ? root : project;
}

/** Looks up to the folder that npm or a repository ends at. */
function refuseOtherManagers(folder: string, spec: string): void {
  const lockfile = OTHER_LOCKFILES.find((name) => existsSync(join(folder, name)));
  if (lockfile !== undefined) {
    throw new BicotError(
      'backend',
      `install-native: ${folder} has a ${lockfile}, and npm would install beside what it says. Add ${spec} with that package manager, as an optional dependency and without its install script (\`pnpm add --save-optional --ignore-scripts ${spec}\`), and run this again.`,
    );
  }
  const ends = ['package-lock.json', '.git'].some((name) => existsSync(join(folder, name)));
  if (!ends && dirname(folder) !== folder) refuseOtherManagers(dirname(folder), spec);
}

/** Without this, the dependencies would be installed now, and their install scripts never run. */
function refuseMissingModules(manifest: string, root: string): void {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(manifest) as Record<string, object>;
  const count = Object.keys({ ...dependencies, ...devDependencies }).length;
  if (count === 0 || existsSync(join(root, 'node_modules'))) return;
  throw new BicotError(
    'backend',
    `install-native: the project's ${count} dependencies are not installed. Run \`npm install\` first, and then this again.`,
  );
}

/** @returns what writes back the files in which npm notes what is installed, byte for byte */
async function rememberManifests(project: string, root: string): Promise<() => Promise<void>> {
  const paths = [
    join(project, 'package.json'),
    join(root, 'package-lock.json'),
    join(root, 'npm-shrinkwrap.json'),
    join(root, 'node_modules', '.package-lock.json'),
  ];
  const before = await Promise.all(paths.map((path) => readFile(path).catch(() => undefined)));
  return async () => {
    for (const [i, path] of paths.entries()) {
      const bytes = before[i];
      if (bytes === undefined) await rm(path, { force: true });
      else await writeFile(path, bytes);
    }
  };
}
