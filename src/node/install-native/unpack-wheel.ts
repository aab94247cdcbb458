import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, statfs, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BicotError } from '../../errors.js';
import type { Tools } from './check-tools.js';
import { downloadWheel } from './download-wheel.js';
import { lastLines, runProgram } from './run-program.js';
import type { Settings } from './settings.js';
import type { Undo } from './undo.js';
import { UNPACK_SCRIPT } from './unpack-script.js';

/** Says that a folder of the cache is whole. */
const COMPLETE = '.complete';

/** Bytes on the disk while it is unpacked: the wheel and what is taken out of it, with CUDA its libraries as well. */
const ROOM = { cpu: 1.2e9, gpu: 9e9 } as const;

/** The names that the linker and the addon look for, beside the files that have them. */
const LIBRARY_LINKS = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow.so.2': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
} as const;

/**
 * Sees to it that the wheel lies unpacked in `settings.home`: it is unpacked beside, and renamed when all is there.
 * @throws BicotError `backend` if there is no such wheel, or it is of no use; `unsupported` if the disk is too full
 */
export async function unpackWheel(settings: Settings, tools: Tools, undo: Undo): Promise<void> {
  const { home, cache, gpu, report } = settings;
  if (existsSync(join(home, COMPLETE))) return;
  const made = await mkdir(cache, { recursive: true });
  if (made !== undefined) undo.add(() => removeEmpty(cache, made));
  await assertRoom(cache, gpu ? ROOM.gpu : ROOM.cpu);
  const partial = await mkdtemp(join(cache, 'partial-'));
  const removePartial = () => rm(partial, { recursive: true, force: true });
  undo.add(removePartial);

  const wheel = settings.wheel ?? (await downloadWheel(settings, tools, join(partial, 'download')));
  report(`Unpacking ${basename(wheel)} to ${home}.`);
  const target = join(partial, 'wheel');
  const cudaPackages = await extract(settings, tools, wheel, target);
  for (const [name, file] of Object.entries(LIBRARY_LINKS)) {
    await symlink(file, join(target, 'tensorflow', name));
  }
  if (gpu) await addCuda(settings, tools, target, cudaPackages);
  await writeFile(join(target, COMPLETE), '');
  if (!existsSync(join(home, COMPLETE))) {
    // Nobody else was faster: what is there is no whole wheel.
    await rm(home, { recursive: true, force: true });
    await rename(target, home);
  }
  await removePartial();
}

/** Removes folders that hold nothing, from the inner one up to the outer one. A wheel that is whole stays in the cache. */
async function removeEmpty(inner: string, outer: string): Promise<void> {
  if ((await readdir(inner)).length > 0) return;
  await rmdir(inner);
  if (inner !== outer) await removeEmpty(dirname(inner), outer);
}

/**
 * Throws if a folder's disk has less room than that.
 * @throws BicotError `unsupported`
 */
export async function assertRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const gigabytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`;
  throw new BicotError(
    'unsupported',
    `install-native: the wheel needs ${gigabytes(bytes)} in ${folder}, and ${gigabytes(free)} are free. Make room, or pass --cache DIR on another disk.`,
  );
}

/** @returns the packages with CUDA's libraries that the wheel names */
async function extract(
  { environment, signal }: Settings,
  { python }: Tools,
  wheel: string,
  target: string,
): Promise<readonly string[]> {
  const { succeeded, printed, log } = await runProgram(python, ['-c', UNPACK_SCRIPT, wheel, target], {
    environment,
    signal,
  });
  if (!succeeded) {
    throw new BicotError(
      'backend',
      `install-native: the wheel ${basename(wheel)} cannot be used. Take another release (--tf), or a wheel for Linux.\n${lastLines(log)}`,
    );
  }
  return printed.split('\n').filter((line) => line !== '');
}

/**
 * CUDA's libraries, side by side with TensorFlow as pip would install them: its libraries look in
 * `nvidia` beside their own folder. The links beside them, as in TensorFlow's own guide, serve builds that do not.
 */
async function addCuda(
  { environment, signal, report }: Settings,
  { python }: Tools,
  target: string,
  packages: readonly string[],
): Promise<void> {
  if (packages.length === 0) {
    throw new BicotError('backend', 'install-native: this wheel names no CUDA libraries. Leave out --gpu.');
  }
  report(`Downloading CUDA's libraries (${packages.length} packages).`);
  const { succeeded, log } = await runProgram(
    python,
    [
      ...['-m', 'pip', 'install', '--disable-pip-version-check', '--no-cache-dir', '--no-deps'],
      ...['--only-binary=:all:', '--target', target, ...packages],
    ],
    { environment, signal },
  );
  if (!succeeded) {
    throw new BicotError(
      'backend',
      `install-native: pip could not install CUDA's libraries (${packages.join(', ')}). Check pip's index and the network.\n${lastLines(log)}`,
    );
  }
  const nvidia = join(target, 'nvidia');
  for (const name of existsSync(nvidia) ? await readdir(nvidia) : []) {
    const folder = join(nvidia, name, 'lib');
    for (const file of existsSync(folder) ? await readdir(folder) : []) {
      if (!file.includes('.so')) continue;
      await rm(join(target, 'tensorflow', file), { force: true });
      await symlink(join('../nvidia', name, 'lib', file), join(target, 'tensorflow', file));
    }
  }
}
