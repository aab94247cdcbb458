import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, deflate, inflate } from 'node:zlib';
import { BicotError } from '../../errors.js';

const deflated = promisify(deflate);
const inflated = promisify(inflate);

/** What there is to know about bytes before one has them. */
export interface PackedInfo {
  /** SHA-256 of the bytes as they are stored. */
  readonly sha256: string;
  /** As they are stored. */
  readonly bytes: number;
  /** As they were. */
  readonly raw: number;
}

/** Bytes, compressed. */
export interface Packed extends PackedInfo {
  readonly stored: Buffer;
}

/** SHA-256, in hexadecimal. */
export const checksum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Compresses bytes. The same bytes give the same result in one version of Node.
 * @param most bytes that may be stored
 * @throws BicotError `unsupported` if they are more
 */
export async function pack(
  bytes: Uint8Array,
  { most, what }: { most: number; what: string },
): Promise<Packed> {
  const stored = await deflated(bytes, { level: constants.Z_BEST_SPEED });
  if (stored.length > most || bytes.length > RAW_PER_STORED * most) {
    throw new BicotError(
      'unsupported',
      `distributed: ${what} has ${megabytes(stored.length)} compressed, and the limit is ${megabytes(most)} (maxBytes). Make tasks smaller (rowsPerTask, microBatch), train adapters, or leave that kind of task to this process (tasks).`,
    );
  }
  return { stored, sha256: checksum(stored), bytes: stored.length, raw: bytes.length };
}

/** Raw bytes for one that may be stored: what compresses better than that is a bomb. */
const RAW_PER_STORED = 16;

/**
 * The bytes again.
 * @param info what was said about them
 * @throws BicotError `value` if these are others, or more than `most` allows
 */
export async function unpack(
  stored: Uint8Array,
  info: PackedInfo,
  { most, what }: { most: number; what: string },
): Promise<Uint8Array> {
  if (info.bytes > most || info.raw > RAW_PER_STORED * most || stored.length > most) {
    throw new BicotError('value', `distributed: ${what} is larger than ${megabytes(most)}, the limit.`);
  }
  const found = checksum(stored);
  if (stored.length !== info.bytes || found !== info.sha256) {
    throw new BicotError(
      'value',
      `distributed: ${what} is damaged: its checksum is ${found.slice(0, 12)} and not ${info.sha256.slice(0, 12)}.`,
    );
  }
  return inflateTo(stored, info.raw, what);
}

/**
 * Decompresses bytes of a known length, and never more.
 * @throws BicotError `value` if they are more or less, or not compressed
 */
export async function inflateTo(stored: Uint8Array, raw: number, what: string): Promise<Uint8Array> {
  try {
    const bytes = await inflated(stored, { maxOutputLength: Math.max(1, raw) });
    if (bytes.length === raw) return bytes;
  } catch (cause) {
    throw new BicotError('value', `distributed: ${what} can't be decompressed.`, { cause });
  }
  throw new BicotError('value', `distributed: ${what} has another length than was said.`);
}

/** In words, for messages. */
export const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toPrecision(3)} MiB`;
