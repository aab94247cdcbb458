import { BicotError } from '../../errors.js';
import { encodePng } from '../../image/png.js';
import type { RgbImage } from '../../policy/policy.js';
import type { Sample } from '../reward.js';
import { toBase64 } from './base64.js';
import { REWARD_PROTOCOL, type RewardRequestSample } from './protocol.js';

/** Samples that go in one request. */
export interface Batch {
  /** The ids of the samples, in the request's order. */
  readonly ids: readonly string[];
  /** Where in the call each of them is. */
  readonly places: readonly number[];
  /** JSON. */
  readonly body: string;
}

/** A sample that is too large to be sent at all. */
export interface Unsent {
  readonly place: number;
  readonly bytes: number;
}

/** How a call's samples become requests. */
export interface BatchOptions<P> {
  readonly fields: (row: P) => unknown;
  /** Goes before the place of a sample in its id. */
  readonly prefix: string;
  readonly batchSize: number;
  readonly maxRequestBytes: number;
}

const HEAD = `{"protocol":${REWARD_PROTOCOL},"samples":[`;
const TAIL = ']}';

/**
 * Cuts a call into requests, each of at most `batchSize` samples and `maxRequestBytes` bytes. One at a time is made, when
 * it is asked for: the pictures of a large call are never all in memory as text.
 * @throws BicotError `reward` if a prompt cannot be written as JSON
 */
export function* batches<P>(
  samples: readonly Sample<P>[],
  { fields, prefix, batchSize, maxRequestBytes }: BatchOptions<P>,
): Generator<Batch | Unsent> {
  const room = maxRequestBytes - HEAD.length - TAIL.length;
  let [texts, places, bytes] = [[] as string[], [] as number[], 0];
  const idOf = (place: number): string => `${prefix}${place}`;
  const take = (): Batch => {
    const batch = { ids: places.map(idOf), places, body: `${HEAD}${texts.join(',')}${TAIL}` };
    [texts, places, bytes] = [[], [], 0];
    return batch;
  };
  for (const [place, sample] of samples.entries()) {
    const text = JSON.stringify(toWire(sample, idOf(place), fields));
    const size = byteLength(text);
    if (size > room) {
      yield { place, bytes: size };
      continue;
    }
    if (texts.length > 0 && bytes + 1 + size > room) yield take();
    bytes += size + (texts.length > 0 ? 1 : 0);
    texts.push(text);
    places.push(place);
    if (texts.length === batchSize) yield take();
  }
  if (texts.length > 0) yield take();
}

/** What is sent of a sample, with the prompt checked to be JSON. */
function toWire<P>(sample: Sample<P>, id: string, fields: (row: P) => unknown): RewardRequestSample {
  const { plan, image, group, index } = sample;
  const prompt = fields(sample.prompt);
  let text: string | undefined;
  try {
    text = JSON.stringify(prompt);
  } catch {
    // Cycles and bigints; the error may quote the row.
  }
  if (text === undefined) {
    throw new BicotError(
      'reward',
      `httpReward: the prompt of sample ${id} (a ${typeof prompt}) cannot be written as JSON. ` +
        'Choose what is sent with the option `fields`.',
    );
  }
  return {
    ...{ id, prompt, group, index },
    ...(plan === undefined ? {} : { plan }),
    ...(image === undefined ? {} : { image: encoded(image) }),
  };
}

/** The members of an ensemble see the same pictures, and encode each once. */
const known = new WeakMap<RgbImage, string>();

function encoded(image: RgbImage): string {
  const before = known.get(image);
  if (before !== undefined) return before;
  const text = toBase64(encodePng(image));
  known.set(image, text);
  return text;
}

/** In UTF-8. */
function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
