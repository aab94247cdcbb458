import { BicotError, firstLineOf, isBicotError } from '../../errors.js';
import { assertByteRange, assertFileName, checkpointError, endsEarly } from './failure.js';
import type { EditableFolder } from './folder.js';

type Files = typeof import('node:fs/promises');
type FileHandle = Awaited<ReturnType<Files['open']>>;

/** One read of Node takes less than 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;

/**
 * A folder of the disk, in Node. Every read opens its file and closes it, so that there is nothing to dispose; a file
 * that is written appears under its name when all of it is on the disk, and missing folders are made.
 * @param path of the folder; whether it is there shows with the first call
 * @throws BicotError `unsupported` where there is no file system (browsers, Node before 20.16); `checkpoint` from its
 *   functions, for a folder or file that is missing, can't be read or ends early
 */
export function openFolder(path: string): EditableFolder {
  const files = nodeFiles(path);
  const at = (file: string): string => {
    assertFileName(path, file);
    return `${path}/${file}`;
  };
  return {
    path,
    list: () => inWords(path, 'listed', () => listFiles(files, path)),
    size: async (file) => inWords(at(file), 'read', async () => (await files.stat(at(file))).size),
    async read(file, begin, end) {
      assertByteRange(at(file), begin, end);
      return inWords(at(file), 'read', () => readRange(files, at(file), begin, end));
    },
    write: async (file, pieces) =>
      inWords(at(file), 'written', () => writeWhole(files, path, at(file), pieces)),
    remove: async (file) => inWords(at(file), 'removed', () => files.rm(at(file), { force: true })),
  };
}

/** Not imported: this code runs in browsers too. */
function nodeFiles(path: string): Files {
  const builtin = (globalThis.process as { getBuiltinModule?: (name: string) => unknown } | undefined)
    ?.getBuiltinModule;
  const files = builtin?.('node:fs/promises') as Files | undefined;
  if (files) return files;
  throw new BicotError(
    'unsupported',
    `openFolder: there is no file system for ${path} here; it takes Node 20.16 or later. In a browser pass a URL, or a folder of your own (CheckpointFolder).`,
  );
}

/** Names of its files and of links, which caches of downloads consist of. */
async function listFiles(files: Files, path: string): Promise<string[]> {
  const entries = await files.readdir(path, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .sort();
}

async function readRange(files: Files, path: string, begin: number, end: number): Promise<Uint8Array> {
  const file = await files.open(path, 'r');
  try {
    const { size } = await file.stat();
    // Before the bytes are allocated.
    if (end > size) throw endsEarly(path, begin, end, size);
    return await readFully(file, path, begin, end);
  } finally {
    await file.close();
  }
}

async function readFully(file: FileHandle, path: string, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, MOST_AT_ONCE);
    const { bytesRead } = await file.read(bytes, done, length, begin + done);
    // Somebody shortened it meanwhile.
    if (bytesRead === 0) throw endsEarly(path, begin, end, begin + done);
    done += bytesRead;
  }
  return bytes;
}

async function writeWhole(
  files: Files,
  folder: string,
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  await files.mkdir(folder, { recursive: true });
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    const file = await files.open(temporary, 'wx');
    try {
      for await (const piece of pieces) await writeFully(file, piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
    await syncFolder(files, folder);
  } catch (error) {
    await files.rm(temporary, { force: true });
    throw error;
  }
}

/** A new name is on the disk only when its folder is. */
async function syncFolder(files: Files, path: string): Promise<void> {
  const folder = await files.open(path, 'r').catch(() => undefined);
  // Some systems can't, and do it by themselves.
  await folder?.sync().catch(() => {});
  await folder?.close();
}

async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
    done += bytesWritten;
  }
}

/** Errors of the file system in words; errors of the caller's pieces as they are. */
async function inWords<T>(path: string, verb: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (isBicotError(error) || typeof code !== 'string') throw error;
    if (code === 'ENOENT') {
      throw checkpointError(path, 'it does not exist', 'Pass the folder that the model was saved to.', error);
    }
    if (code === 'ENOTDIR') {
      throw checkpointError(path, 'it is not a folder', 'Pass the folder, not a file in it.', error);
    }
    throw checkpointError(
      path,
      `it can't be ${verb} (${firstLineOf(error)})`,
      'Check its permissions and the space on the disk.',
      error,
    );
  }
}
