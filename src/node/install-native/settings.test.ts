import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkMachine } from './check-machine.js';
import { type InstallNativeOptions, settle } from './settings.js';
import { assertRoom } from './unpack-wheel.js';

const project = mkdtempSync(join(tmpdir(), 'bicot-settings-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));
mkdirSync(join(project, 'a b'));
mkdirSync(join(project, 'empty'));
for (const name of ['package.json', 'a b/package.json', 'notes.txt'])
  writeFileSync(join(project, name), '{}');
for (const name of [
  'tensorflow_cpu-2.20.0-cp311-x.whl',
  'tensorflow-2.20.0-cp311-x.whl',
  'tensorflow_cpu-2.whl',
]) {
  writeFileSync(join(project, name), '');
}

describe('settings of install-native', () => {
  it('are decided from little', () => {
    expect(settle({ project, environment: { HOME: '/home/me' } })).toMatchObject({
      project,
      python: 'python3',
      version: '2.21.0',
      distribution: 'tensorflow-cpu',
      npmPackage: '@tensorflow/tfjs-node',
      home: '/home/me/.cache/bicot/tensorflow-cpu-2.21.0',
    });
    const environment = { HOME: '/home/me', XDG_CACHE_HOME: '/cache', PYTHON: 'python3.12' };
    expect(settle({ project, environment, gpu: true, tf: '2.20.0' })).toMatchObject({
      python: 'python3.12',
      distribution: 'tensorflow',
      npmPackage: '@tensorflow/tfjs-node-gpu',
      home: '/cache/bicot/tensorflow-2.20.0',
    });
    expect(settle({ project, wheel: join(project, 'tensorflow_cpu-2.20.0-cp311-x.whl') }).version).toBe(
      '2.20.0',
    );
  });

  it.each<[InstallNativeOptions, RegExp]>([
    [{ tf: '2.21' }, /'2\.21', but must look like 2\.21\.0/],
    [{ wheel: 'tensorflow_cpu-2.20.0-cp311-x.whl', tf: '2.20.0' }, /--wheel and --tf/],
    [{ wheel: 'none.whl' }, /no file .*none\.whl/],
    [{ wheel: 'notes.txt' }, /notes\.txt is not a wheel of tensorflow-cpu/],
    [{ wheel: 'tensorflow_cpu-2.whl' }, /is '2\.whl'/],
    [{ wheel: 'tensorflow-2.20.0-cp311-x.whl' }, /not a wheel of tensorflow-cpu, which the CPU needs.*--gpu/],
    [{ wheel: 'tensorflow_cpu-2.20.0-cp311-x.whl', gpu: true }, /not a wheel of tensorflow, which --gpu/],
    [{ project: 'missing' }, /no folder .*missing/],
    [{ project: 'notes.txt' }, /no folder .*notes\.txt/],
    [{ project: 'empty' }, /no package\.json.*npm init/],
    [{ project: 'a b' }, /has a space/],
    [{ version: '2.21.0' } as InstallNativeOptions, /no option 'version'/],
  ])('refuse %o', (options, message) => {
    const inside = (path?: string) => path && join(project, path);
    const { wheel, project: named, ...rest } = options;
    expect(() => settle({ ...rest, wheel: inside(wheel), project: inside(named) ?? project })).toThrow(
      expect.objectContaining({ code: 'value', message: expect.stringMatching(message) }),
    );
  });
});

describe('the machine', () => {
  const linux = { platform: 'linux', arch: 'x64', glibc: '2.36' };

  it('is one that a wheel runs on', () => {
    expect(() => checkMachine(true, linux)).not.toThrow();
    expect(() => checkMachine(false, { ...linux, arch: 'arm64', glibc: '2.27' })).not.toThrow();
    expect(() => checkMachine(false, { ...linux, glibc: '3.1' })).not.toThrow();
  });

  it.each([
    [{ ...linux, platform: 'darwin' }, /darwin, and only Linux.*wasm/],
    [{ ...linux, glibc: undefined }, /glibc 2\.27 or newer, and this system has none/],
    [{ ...linux, glibc: '2.17' }, /and this system has 2\.17/],
    [{ ...linux, arch: 'arm64' }, /CUDA on x86-64 only.*arm64/],
  ])('is refused: %o', (machine, message) => {
    expect(() => checkMachine(true, machine)).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringMatching(message) }),
    );
  });

  it('has room on its disk', async () => {
    await assertRoom(project, 1);
    await expect(assertRoom(project, 1e18)).rejects.toThrow(/needs 1000000000\.0 GB in .*--cache DIR/);
  });
});
