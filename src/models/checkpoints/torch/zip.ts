import { checkpointError, FETCH_AGAIN } from '../failure.js';
import type { CheckpointFolder } from '../folder.js';

/** A file of an archive, stored as it is. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  /** Where in the archive its bytes begin; its own header, which says so, is read and checked once. */
  begin(): Promise<number>;
}

// Signatures and sizes of the records (APPNOTE.TXT 4.3).
const END = 0x06054b50;
const END_BYTES = 22;
const LOCATOR = 0x07064b50;
const LOCATOR_BYTES = 20;
const END_64 = 0x06064b50;
const END_64_BYTES = 56;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
/** Says that a number of 2 or 4 bytes stands elsewhere in 8. */
const ELSEWHERE_2 = 0xffff;
const ELSEWHERE_4 = 0xffffffff;
const ENCRYPTED = 1;
const STORED = 0;
const ZIP_64_EXTRA = 1;

/** Far more than any model has; a larger directory is no directory. */
const MAX_DIRECTORY_BYTES = 2 ** 26;

type Fail = (what: string) => never;

/** The directory of an archive: where it lies, and how many entries it has. */
interface Directory {
  readonly begin: number;
  readonly bytes: number;
  readonly count: number;
}

/** An entry as the directory has it. */
interface Central {
  readonly name: string;
  readonly bytes: number;
  /** Where its local header begins. */
  readonly local: number;
  readonly plain: boolean;
}

/**
 * The entries of a ZIP or ZIP64 archive, by name, of which only the directory at the end is read.
 * @throws BicotError `checkpoint` for an archive that is damaged, or whose entries overlap or leave it
 */
export async function openZip(folder: CheckpointFolder, file: string): Promise<Map<string, ZipEntry>> {
  const fail: Fail = (what) => {
    throw checkpointError(`${folder.path}/${file}`, what, FETCH_AGAIN);
  };
  const read = async (begin: number, bytes: number): Promise<DataView> => {
    const { buffer, byteOffset, byteLength } = await folder.read(file, begin, begin + bytes);
    return new DataView(buffer, byteOffset, byteLength);
  };
  const directory = await findDirectory(await folder.size(file), read, fail);
  const entries = readDirectory(await read(directory.begin, directory.bytes), directory.count, fail);
  const ends = entryEnds(entries, directory.begin, fail);
  return new Map(
    entries.map((entry) => {
      let begin: number | undefined;
      const locate = async (): Promise<number> => {
        begin ??= await dataBegin(entry, ends.get(entry) as number, read, fail);
        return begin;
      };
      return [entry.name, { name: entry.name, bytes: entry.bytes, begin: locate }];
    }),
  );
}

type Read = (begin: number, bytes: number) => Promise<DataView>;

/** A number of 8 bytes that a float64 holds exactly. */
function uint64(view: DataView, at: number, fail: Fail): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : fail(`a size or place of the archive is ${value}`);
}

async function findDirectory(size: number, read: Read, fail: Fail): Promise<Directory> {
  if (size < END_BYTES) fail(`${size} bytes are no zip archive`);
  const tailBytes = Math.min(size, END_BYTES + LOCATOR_BYTES);
  const tail = await read(size - tailBytes, tailBytes);
  const at = tailBytes - END_BYTES;
  if (tail.getUint32(at, true) !== END || tail.getUint16(at + 20, true) !== 0) {
    fail('it does not end as a zip archive does (which torch.save writes since PyTorch 1.6)');
  }
  const locator = at - LOCATOR_BYTES;
  const is64 = locator >= 0 && tail.getUint32(locator, true) === LOCATOR;
  const end = size - END_BYTES;
  const record = is64
    ? await readEnd64(tail, locator, end - LOCATOR_BYTES, read, fail)
    : readEnd(tail, at, end);
  const { parts, count, begin, bytes } = record;
  if (parts !== 0 || record.here !== count) fail('the archive is split over several files');
  if (begin + bytes !== record.at || bytes > MAX_DIRECTORY_BYTES || bytes < count * CENTRAL_BYTES) {
    fail(`the directory of ${count} entries claims bytes ${begin}–${begin + bytes} of ${record.at}`);
  }
  return { begin, bytes, count };
}

/** What a record at the end of an archive says of the directory before it. */
interface EndRecord extends Directory {
  /** Entries in this file. */
  readonly here: number;
  /** 0 unless there are several files. */
  readonly parts: number;
  /** Where the record itself lies. */
  readonly at: number;
}

function readEnd(tail: DataView, at: number, place: number): EndRecord {
  return {
    at: place,
    parts: tail.getUint32(at + 4, true),
    here: tail.getUint16(at + 8, true),
    count: tail.getUint16(at + 10, true),
    bytes: tail.getUint32(at + 12, true),
    begin: tail.getUint32(at + 16, true),
  };
}

/** The record of ZIP64. @param end where it must end, as its locator begins there */
async function readEnd64(
  tail: DataView,
  locator: number,
  end: number,
  read: Read,
  fail: Fail,
): Promise<EndRecord> {
  const at = uint64(tail, locator + 8, fail);
  if (at + END_64_BYTES !== end) fail(`the ZIP64 record claims to lie at byte ${at}, before ${end}`);
  const record = await read(at, END_64_BYTES);
  if (record.getUint32(0, true) !== END_64) fail(`there is no ZIP64 record at byte ${at}`);
  return {
    at,
    parts: record.getUint32(16, true) + record.getUint32(20, true),
    here: uint64(record, 24, fail),
    count: uint64(record, 32, fail),
    bytes: uint64(record, 40, fail),
    begin: uint64(record, 48, fail),
  };
}

function readDirectory(view: DataView, count: number, fail: Fail): Central[] {
  const entries: Central[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > view.byteLength || view.getUint32(at, true) !== CENTRAL) {
      fail(`entry ${i} of the directory is damaged`);
    }
    const lengths = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [number, number, number];
    const next = at + CENTRAL_BYTES + lengths[0] + lengths[1] + lengths[2];
    if (next > view.byteLength) fail(`entry ${i} of the directory is longer than the directory`);
    const entry = readCentral(view, at, lengths[0], lengths[1], fail);
    if (names.has(entry.name)) fail(`there are two entries ${entry.name}`);
    names.add(entry.name);
    entries.push(entry);
    at = next;
  }
  if (at !== view.byteLength) fail(`the directory has ${view.byteLength - at} bytes after its last entry`);
  return entries;
}

function readCentral(view: DataView, at: number, nameBytes: number, extraBytes: number, fail: Fail): Central {
  const nameAt = at + CENTRAL_BYTES;
  const name = text(view, nameAt, nameBytes);
  const extra = new DataView(view.buffer, view.byteOffset + nameAt + nameBytes, extraBytes);
  const next = zip64Numbers(extra, name, fail);
  const number = (field: number): number => {
    const value = view.getUint32(at + field, true);
    return value === ELSEWHERE_4 ? next() : value;
  };
  // In this order, in which ZIP64 leaves out what fits.
  const bytes = number(24);
  const compressed = number(20);
  const local = number(42);
  const disk = view.getUint16(at + 34, true);
  if (disk !== 0 && disk !== ELSEWHERE_2) fail('the archive is split over several files');
  const encrypted = (view.getUint16(at + 8, true) & ENCRYPTED) !== 0;
  const stored = view.getUint16(at + 10, true) === STORED && compressed === bytes;
  return { name, bytes, local, plain: stored && !encrypted };
}

/** The numbers of an entry that are too large for 4 bytes, one after another. */
function zip64Numbers(extra: DataView, name: string, fail: Fail): () => number {
  let at = 0;
  let end = 0;
  for (let next = 0; next + 4 <= extra.byteLength && end === 0; ) {
    const bytes = extra.getUint16(next + 2, true);
    if (extra.getUint16(next, true) === ZIP_64_EXTRA) {
      at = next + 4;
      end = Math.min(at + bytes, extra.byteLength);
    }
    next += 4 + bytes;
  }
  return () => {
    if (at + 8 > end) fail(`entry ${name} lacks its ZIP64 sizes`);
    at += 8;
    return uint64(extra, at - 8, fail);
  };
}

function text(view: DataView, at: number, bytes: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, bytes));
}

/** Where each entry must have ended: at the next one, or the directory. Two entries can't share a byte. */
function entryEnds(entries: readonly Central[], directory: number, fail: Fail): Map<Central, number> {
  const ends = new Map<Central, number>();
  const inOrder = [...entries].sort((a, b) => a.local - b.local);
  inOrder.forEach((entry, i) => {
    const end = inOrder[i + 1]?.local ?? directory;
    if (entry.local + LOCAL_BYTES + entry.bytes > end) {
      fail(
        `entry ${entry.name} has ${entry.bytes} bytes from byte ${entry.local} on, but must end before ${end}`,
      );
    }
    ends.set(entry, end);
  });
  return ends;
}

async function dataBegin(entry: Central, end: number, read: Read, fail: Fail): Promise<number> {
  const { name, local, bytes, plain } = entry;
  if (!plain) fail(`entry ${name} is compressed or encrypted, which torch.save does not do`);
  const nameBytes = new TextEncoder().encode(name).length;
  if (local + LOCAL_BYTES + nameBytes + bytes > end) fail(`entry ${name} has no room for its header`);
  const header = await read(local, LOCAL_BYTES + nameBytes);
  const same = header.getUint16(26, true) === nameBytes && text(header, LOCAL_BYTES, nameBytes) === name;
  if (header.getUint32(0, true) !== LOCAL || !same) fail(`there is no entry ${name} at byte ${local}`);
  const begin = local + LOCAL_BYTES + nameBytes + header.getUint16(28, true);
  return begin + bytes <= end ? begin : fail(`entry ${name} reaches into what follows it`);
}
