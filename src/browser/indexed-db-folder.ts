import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { firstLineOf } from '../errors.js';
import {
  assertByteRange,
  assertFileName,
  checkpointError,
  endsEarly,
} from '../models/checkpoints/failure.js';
import type { EditableFolder } from '../models/checkpoints/folder.js';

interface Files extends DBSchema {
  files: { key: string; value: Blob };
}

/**
 * A folder in the browser's IndexedDB, for checkpoints that outlive the page: `train({ checkpoints: { folder:
 * indexedDbFolder('run 1') }, resume: 'auto' })`. A file is there as a whole or not at all. Ask for
 * `navigator.storage.persist()` if the browser must not clear it when space runs short.
 * @param name of the database; one for each folder
 * @throws BicotError `checkpoint` from its functions: no IndexedDB here, no space left, a file that is missing or ends early
 */
export function indexedDbFolder(name: string): EditableFolder {
  const path = `IndexedDB ${name}`;
  let opened: Promise<IDBPDatabase<Files>> | undefined;
  const open = (): Promise<IDBPDatabase<Files>> => {
    opened ??= openDB<Files>(name, 1, { upgrade: (database) => void database.createObjectStore('files') });
    return opened;
  };
  const inWords = async <T>(
    verb: string,
    action: (database: IDBPDatabase<Files>) => Promise<T>,
  ): Promise<T> => {
    let database: IDBPDatabase<Files>;
    try {
      database = await open();
    } catch (error) {
      opened = undefined;
      throw checkpointError(
        path,
        `it can't be opened (${firstLineOf(error)})`,
        'Private windows and old browsers have none; use memoryFolder, or another browser.',
        error,
      );
    }
    try {
      return await action(database);
    } catch (error) {
      if (!isStorageError(error)) throw error;
      throw checkpointError(
        path,
        `it can't be ${verb} (${firstLineOf(error)})`,
        'Free space, or remove old runs (indexedDB.deleteDatabase).',
        error,
      );
    }
  };
  const find = async (database: IDBPDatabase<Files>, file: string): Promise<Blob> => {
    const blob = await database.get('files', file);
    if (blob) return blob;
    throw checkpointError(path, `there is no file ${file}`, 'Pass the database that the run was saved to.');
  };
  return {
    path,
    list: () => inWords('listed', async (database) => (await database.getAllKeys('files')).sort()),
    size: (file) => inWords('read', async (database) => (await find(database, file)).size),
    async read(file, begin, end) {
      assertByteRange(file, begin, end);
      return inWords('read', async (database) => {
        const blob = await find(database, file);
        if (end > blob.size) throw endsEarly(`${path}/${file}`, begin, end, blob.size);
        return new Uint8Array(await blob.slice(begin, end).arrayBuffer());
      });
    },
    async write(file, pieces) {
      assertFileName(path, file);
      // A Blob of Blobs: large ones go to the disk, not to the page's memory.
      const parts: Blob[] = [];
      for await (const piece of pieces) parts.push(new Blob([piece as BlobPart]));
      await inWords('written', (database) => database.put('files', new Blob(parts), file));
    },
    remove: (file) => inWords('removed', (database) => database.delete('files', file)),
  };
}

/** What IndexedDB throws, apart from errors of the caller's pieces and of this module. */
const isStorageError = (error: unknown): boolean =>
  typeof DOMException !== 'undefined' && error instanceof DOMException;
