import { open, stat } from 'node:fs/promises';

/** What a file of JSON lines holds so far. */
export interface JsonLines {
  /** The whole lines that are JSON, parsed, in their order. */
  readonly records: readonly unknown[];
  /** Numbers, from 1, of whole lines that are not JSON. A last line without its end is still being written, and not one of them. */
  readonly damaged: readonly number[];
}

const PIECE = 1 << 22;
const LINE_END = 10;

/**
 * Reads a file of JSON lines again and again while another process adds to it: what was read before is not read again,
 * unless the file was replaced or is shorter now. A file that is not there is empty.
 * @returns a function that gives everything up to now; calls must not overlap
 */
export function jsonLinesReader(path: string): () => Promise<JsonLines> {
  let [inode, offset, lines] = [0, 0, 0];
  let records: unknown[] = [];
  let damaged: number[] = [];

  const take = (line: Buffer) => {
    lines++;
    const text = line.toString('utf8').trim();
    if (text === '') return;
    try {
      records.push(JSON.parse(text));
    } catch {
      damaged.push(lines);
    }
  };

  return async () => {
    const now = await stat(path).catch(() => undefined);
    if (now === undefined || now.ino !== inode || now.size < offset) {
      [inode, offset, lines, records, damaged] = [now?.ino ?? 0, 0, 0, [], []];
    }
    if (now === undefined || now.size === offset) return { records, damaged };
    const file = await open(path, 'r');
    try {
      let rest: Buffer = Buffer.alloc(0);
      for (let at = offset; at < now.size; ) {
        const piece = Buffer.alloc(Math.min(PIECE, now.size - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        let text: Buffer = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
        for (let end = text.indexOf(LINE_END); end >= 0; end = text.indexOf(LINE_END)) {
          take(text.subarray(0, end));
          offset += end + 1;
          text = text.subarray(end + 1);
        }
        rest = text;
      }
      // The last line has no end: a whole record if it parses, else half of one. It is read again next time.
      if (rest.length > 0) {
        const last = parsed(rest.toString('utf8'));
        if (last !== undefined) return { records: [...records, last], damaged };
      }
    } finally {
      await file.close();
    }
    return { records, damaged };
  };
}

/** An object, or undefined for what is none. A half-written number is a number too, so only objects count. */
function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
