import * as v from 'valibot';
import { BicotError } from '../../errors.js';
import type { WeightEntry } from '../../parallel/protocol.js';
import { checksum } from '../wire/packed.js';

/** Bytes of a chunk before it is compressed. A chunk that did not change is neither sent nor fetched again. */
export const CHUNK_BYTES = 4 * 2 ** 20;

/** A version of the weights: its chunks, in order. */
export interface Manifest {
  readonly chunks: readonly ManifestChunk[];
}

/** A piece of the weights. */
export interface ManifestChunk {
  /** SHA-256 of its bytes as they were, by which it is found. */
  readonly sha256: string;
  readonly raw: number;
  /** As they are stored; for statistics. */
  readonly bytes: number;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const schema = v.strictObject({
  chunks: v.pipe(v.array(v.strictObject({ sha256: hash, raw: count, bytes: count })), v.maxLength(100_000)),
});

/** The name of a version: the checksum of all that it is. */
export function versionOf({ chunks }: Manifest, layout: readonly WeightEntry[]): string {
  const named = layout.map(({ name, shape }) => [name, shape]);
  return checksum(Buffer.from(JSON.stringify([named, chunks.map(({ sha256 }) => sha256)])));
}

/**
 * Reads what is said to be a version's manifest.
 * @throws BicotError `value` if it is none, or another version's
 */
export function manifestOf(text: string, version: string, layout: readonly WeightEntry[]): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const { success, output } = v.safeParse(schema, json);
  const wanted = 4 * layout.reduce((sum, { size }) => sum + size, 0);
  if (success && versionOf(output, layout) === version) {
    if (output.chunks.reduce((sum, { raw }) => sum + raw, 0) === wanted) return output;
  }
  throw new BicotError(
    'value',
    `distributed: the list of chunks of the weights ${version.slice(0, 12)} is damaged.`,
  );
}
