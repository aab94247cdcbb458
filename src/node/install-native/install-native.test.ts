import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_TOOLS, type FakeTrouble, fakeTools } from '../../../test/support/fake-tools.js';
import { installNative } from './install-native.js';
import type { InstallNativeOptions } from './settings.js';

const PACKAGE = 'node_modules/@tensorflow/tfjs-node';
const MANIFEST = '{"name": "mine",\t"private": true}'; // npm would format it anew

let folder: string;
let project: string;
let environment: Readonly<Record<string, string>>;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-install-'));
  project = join(folder, 'project');
  write('package.json', MANIFEST);
  environment = fakeTools(folder);
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text = ''): void {
  mkdirSync(join(project, path, '..'), { recursive: true });
  writeFileSync(join(project, path), text);
}

const install = ({ trouble, ...options }: InstallNativeOptions & { readonly trouble?: FakeTrouble } = {}) =>
  installNative({
    project,
    report: (line) => lines.push(line),
    environment: { ...environment, ...trouble },
    ...options,
  });

/** Every file below the project and the cache, with its content or where it leads. */
function files(at = project): Record<string, string> {
  const entries = readdirSync(at, { recursive: true, withFileTypes: true }).map((entry): [string, string] => {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) return [path, `-> ${readlinkSync(path)}`];
    return [path, entry.isDirectory() ? 'a folder' : readFileSync(path, 'utf8')];
  });
  return Object.fromEntries(entries.sort());
}

const cached = (): readonly string[] => readdirSync(join(folder, '.cache/bicot'));
const calls = (): string => readFileSync(join(folder, 'calls'), 'utf8');
const present = (path: string): boolean =>
  lstatSync(join(project, path), { throwIfNoEntry: false }) !== undefined;

/** What was there before is there afterwards, and no half of a wheel. */
async function expectRefused(
  options: Parameters<typeof install>[0],
  code: string,
  message: RegExp,
): Promise<void> {
  const before = files();
  await expect(install(options)).rejects.toMatchObject({
    name: 'BicotError',
    code,
    message: expect.stringMatching(message),
  });
  expect(files()).toEqual(before);
  const cache = join(folder, '.cache/bicot');
  if (lstatSync(cache, { throwIfNoEntry: false })) {
    expect(cached().filter((name) => !name.startsWith('tensorflow'))).toEqual([]);
    expect(cached().length).toBeGreaterThan(0); // an empty folder is no use either
  }
}

describe.skipIf(process.platform !== 'linux')('installNative', () => {
  it('unpacks the wheel, installs the package and builds the addon', async () => {
    expect(await install()).toEqual({
      changed: true,
      version: '2.21.0',
      gpu: false,
      backend: 'node',
      home: join(folder, '.cache/bicot/tensorflow-cpu-2.21.0'),
    });
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      'Downloading',
      'Unpacking',
      'Installing',
      'Building',
    ]);
    expect(cached()).toEqual(['tensorflow-cpu-2.21.0']);
    expect(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))).toMatchObject({
      optionalDependencies: { '@tensorflow/tfjs-node': '4.22.0' },
    });
    expect(readdirSync(join(project, PACKAGE)).sort()).toEqual([
      ...['deps', 'index.js', 'lib', 'package.json', 'scripts'],
    ]);
    // `npm rebuild` looks for this file.
    expect(present(`${PACKAGE}/deps/lib/libtensorflow.so.2.9.1`)).toBe(true);
  });

  it('does nothing a second time, and needs no tool for that', async () => {
    await install();
    const [before, made] = [files(folder), calls()];
    for (const name of FAKE_TOOLS) rmSync(join(folder, 'bin', name));
    expect(await install()).toMatchObject({ changed: false, version: '2.21.0' });
    expect(calls()).toBe(made);
    for (const name of FAKE_TOOLS) delete before[join(folder, 'bin', name)];
    expect(files(folder)).toEqual(before);
  });

  it('builds again if asked to, or if the addon does not work; the wheel is there', async () => {
    await install();
    expect(await install({ force: true })).toMatchObject({ changed: true });
    rmSync(join(project, PACKAGE, 'lib'), { recursive: true });
    expect(await install()).toMatchObject({ changed: true });
    expect(calls().match(/pip download/g)?.length).toBe(4); // for three Pythons, the third time with success
    expect(calls().match(/npm install/g)?.length).toBe(1);
    expect(calls().match(/npm run build/g)?.length).toBe(3);
  });

  it.each([
    ['npm', /npm \('npm'\) was not found.*nodejs\.org/],
    ['python3', /Python \('python3'\) was not found.*apt install python3 python3-pip/],
    ['g++', /C\+\+ compiler \('g\+\+'\) was not found.*apt install build-essential/],
    ['make', /make \('make'\) was not found.*apt install build-essential/],
  ])('refuses without %s, and says what to install', async (tool, message) => {
    rmSync(join(folder, 'bin', tool));
    await expectRefused({}, 'unsupported', message);
  });

  it.each<[FakeTrouble, string, RegExp]>([
    [{ FAKE_PYTHON: 'old' }, 'unsupported', /older than Python 3\.8/],
    [{ FAKE_PYTHON: 'no pip' }, 'unsupported', /has no pip\. Run `apt install python3-pip`/],
    [{ FAKE_PIP: 'no wheel' }, 'backend', /no wheel of tensorflow-cpu 2\.21\.0.*\n {2}ERROR: No matching/],
    [{ FAKE_WHEEL: 'useless' }, 'backend', /cannot be used.*\n {2}it lacks .*libtensorflow_cc/],
    [{ FAKE_NPM: 'no package' }, 'backend', /npm could not install @tensorflow\/tfjs-node@.*\n.*404/],
    [{ FAKE_BUILD: 'fails' }, 'backend', /did not build.*build-essential.*\n {2}error: expected ;/],
    [{ FAKE_BUILD: 'no headers' }, 'backend', /did not build.*headers.*npm_config_nodedir/],
    [{ FAKE_ADDON: 'broken' }, 'backend', /built, but does not work[\s\S]*undefined symbol/],
  ])('takes back everything after %o', async (trouble, code, message) => {
    await expectRefused({ trouble }, code, message);
  });

  it('takes back what it did to a project that had other packages', async () => {
    write('node_modules/mine/index.js', 'kept');
    write('node_modules/.package-lock.json', '{"kept":  true}');
    write('package-lock.json', '{"kept":  true}');
    await expectRefused({ trouble: { FAKE_BUILD: 'fails' } }, 'backend', /did not build/);
    expect(calls()).toContain('npm uninstall');
  });

  it('replaces an addon that the package’s own installer made, or leaves it', async () => {
    await install();
    const at = join(project, PACKAGE);
    rmSync(join(at, 'deps'), { recursive: true });
    write(`${PACKAGE}/deps/lib/libtensorflow.so.2`, 'release 2.9.1');
    write(`${PACKAGE}/lib/napi-v8/tfjs_binding.node`, 'release 2.9.1');
    await expectRefused({ trouble: { FAKE_BUILD: 'fails' } }, 'backend', /did not build/);
    await expectRefused({ trouble: { FAKE_ADDON: 'broken' } }, 'backend', /does not work/);

    // A run that was killed has moved it away and made half of another.
    cpSync(join(at, 'deps'), join(at, '.deps-before-bicot'), { recursive: true });
    writeFileSync(join(at, 'deps/lib/libtensorflow.so.2'), 'half');
    await expect(install({ trouble: { FAKE_BUILD: 'fails' } })).rejects.toThrow(/did not build/);
    expect(readFileSync(join(at, 'deps/lib/libtensorflow.so.2'), 'utf8')).toBe('release 2.9.1');

    expect(await install()).toMatchObject({ changed: true });
    expect(readlinkSync(join(at, 'deps/lib'))).toMatch(/tensorflow-cpu-2\.21\.0\/tensorflow$/);
    expect(readdirSync(at).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('takes back everything when the user gives up', async () => {
    const stop = new AbortController();
    const report = (line: string): void => {
      if (line.startsWith('Building')) setTimeout(() => stop.abort(), 100);
    };
    const options = { trouble: { FAKE_BUILD: 'hangs' }, signal: stop.signal, report } as const;
    await expectRefused(options, 'aborted', /interrupted/);
  });

  it('takes the wheel with CUDA and its libraries for a GPU', async () => {
    await expectRefused({ gpu: true, trouble: { FAKE_PIP: 'no cuda' } }, 'backend', /CUDA's libraries/);
    await expectRefused({ gpu: true, trouble: { FAKE_WHEEL: 'without cuda' } }, 'backend', /no CUDA libr/);
    expect(await install({ gpu: true })).toMatchObject({ backend: 'node-gpu', gpu: false });
    const library = join(project, `${PACKAGE}-gpu/deps/lib/libcublas.so.12`);
    expect(readlinkSync(library)).toBe('../nvidia/cublas/lib/libcublas.so.12');
    expect(readFileSync(library, 'utf8')).toBe('');
    expect(cached()).toEqual(['tensorflow-2.21.0']);
  });

  it('installs for the version of TensorFlow.js that the project has, and refuses two', async () => {
    const tfjs = 'node_modules/@tensorflow/tfjs/package.json';
    write(tfjs, '{"version": "4.23.0"}');
    await install();
    expect(readFileSync(join(project, 'package.json'), 'utf8')).toContain('"4.23.0"');
    write(`${PACKAGE}/${tfjs}`, '{"version": "4.22.0"}');
    await expectRefused({ force: true }, 'backend', /brings TensorFlow\.js 4\.22\.0 beside.*4\.23\.0/);
  });

  it('leaves a project of another package manager, or one without its packages, alone', async () => {
    write('pnpm-lock.yaml');
    await expectRefused(
      {},
      'backend',
      /pnpm-lock\.yaml.*pnpm add .*--ignore-scripts @tensorflow\/tfjs-node@4/,
    );
    rmSync(join(project, 'pnpm-lock.yaml'));
    write('package.json', '{"dependencies": {"a": "1"}}');
    await expectRefused({}, 'backend', /1 dependencies are not installed.*`npm install`/);
  });
});
