import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { KeyValueCaches } from '../../kernels/cache-plan.js';
import { embed } from '../../kernels/embedding.js';
import { keyValueCaches } from '../../kernels/key-value-cache.js';
import { rmsNorm } from '../../kernels/rms-norm.js';
import type { RotaryTables } from '../../kernels/rotary.js';
import type { DecodingSession } from '../../policy/policy.js';
import { assertLength } from '../../tensor/shape.js';
import { type Backbone, runBlocks } from './blocks.js';
import { type DecodeStep, type Head, type PackedBackbone, packBackbone } from './decoder.js';

/** What a decoding session of a backbone must know. */
export interface BackboneDecoding {
  /** Stays the caller's. */
  readonly backbone: Backbone;
  /** What turns the normed stream into logits; stays the caller's. */
  readonly head: Head;
  /** The most tokens that will be decoded. */
  readonly maxTokens: number;
  /** `[C]`: positions of each distinct context. */
  readonly lengths: Int32Array;
  /** `[N]`: the context that each row goes on from. */
  readonly sources: Int32Array;
  /** The angles of some positions; the session disposes them. */
  readonly rotary: (positions: ArrayLike<number>) => RotaryTables;
  /** The contexts' inputs, padded on the right to the longest, S: `[C·S, d]`; the session disposes it. */
  readonly embedContexts: () => tf.Tensor2D;
  /**
   * The inputs of new tokens, `[n, d]`; the session disposes it.
   * @param decoded how many tokens each row has, these included
   */
  readonly embedTokens: (tokens: Int32Array, decoded: number) => tf.Tensor2D;
  /**
   * The backbone and its head, packed before; stays the caller's. Default: the session packs them.
   * @internal
   */
  readonly packed?: PackedBackbone;
}

/**
 * Decodes with cached keys and values. A context is computed once, however many samples share it. Contexts of different
 * lengths are padded on the right; positions stay those of the unpadded sequence, so a row's values do not depend on its
 * batch-mates.
 */
export function startBackboneDecoding(decoding: BackboneDecoding): Required<DecodingSession> {
  const { backbone, head, lengths, sources, rotary, maxTokens } = decoding;
  let alive: Int32Array = Int32Array.from(sources, (_, slot) => slot);
  let packed: PackedBackbone | undefined;
  let decode: DecodeStep | undefined;
  let caches: KeyValueCaches | undefined;
  let decoded = 0;
  let disposed = false;

  /** Runs the contexts, fills the cache and gives the first logits, `[N, V]`. */
  const prefill = (): tf.Tensor2D => {
    const [width] = backbone.finalNorm.shape;
    const made = keyValueCaches(
      {
        ...{ heads: backbone.heads, size: width / backbone.heads, ownLength: maxTokens },
        ...{ rotary, lengths, sources },
      },
      backbone.blocks.length,
    );
    caches = made;
    if (!decoding.packed) packed = packBackbone(backbone, head);
    decode = ((decoding.packed ?? packed) as PackedBackbone).decoder(made);
    return tf.tidy(() => {
      const length = lengths.reduce((most, each) => Math.max(most, each), 0); // S
      const tables = rotary(Array.from({ length }, (_, position) => position));
      const stream = runBlocks(backbone, decoding.embedContexts(), tables, {
        onBlock: (block, { keys, values }) => made.blocks[block]?.fill(keys, values),
      });
      const last = lengths.map((own, row) => row * length + own - 1);
      const hidden = embed(stream, tf.tensor1d(last, 'int32')); // [C, d]
      const logits = head.logits(rmsNorm(hidden, backbone.finalNorm, backbone.rmsEpsilon)); // [C, V]
      return embed(logits, tf.tensor1d(sources, 'int32'));
    });
  };

  const step = (tokens: Int32Array): tf.Tensor2D => {
    assertLength('DecodingSession.next: tokens', tokens, alive.length, 'N');
    decoded += 1;
    const made = caches as KeyValueCaches;
    const positions = alive.map((slot) => (lengths[sources[slot] as number] as number) + decoded - 1);
    made.step({ slots: alive, positions });
    return tf.tidy(() => (decode as DecodeStep)(decoding.embedTokens(tokens, decoded)));
  };

  return {
    rows: sources.length,
    next(tokens) {
      if (disposed) throw new BicotError('value', 'This decoding session was disposed; start another one.');
      if (!tokens) return prefill();
      if (decoded + 1 >= maxTokens) {
        throw new BicotError(
          'value',
          `This decoding session was started for ${maxTokens} tokens; start it with a larger maxTokens.`,
        );
      }
      return step(tokens);
    },
    keep(rows) {
      alive = rows.map((row) => alive[row] as number);
    },
    dispose() {
      disposed = true;
      caches?.dispose();
      packed?.dispose();
      [caches, packed, decode] = [undefined, undefined, undefined];
    },
  };
}

/** Contexts without repetitions, and which of them each row of a session goes on from. */
export interface DistinctContexts<Context> {
  /** `[C]` */
  readonly distinct: Context[];
  /** `[N]` */
  readonly sources: Int32Array;
}

/**
 * Finds contexts that are the same, as the unconditional ones of guidance often are.
 * @param key equal for contexts that are computed once
 */
export function distinctContexts<Context>(
  contexts: readonly Context[],
  samplesPerContext: number,
  key: (context: Context) => unknown,
): DistinctContexts<Context> {
  const places = new Map<unknown, number>();
  const distinct: Context[] = [];
  const placeOf = contexts.map((context) => {
    const name = key(context);
    const known = places.get(name);
    if (known !== undefined) return known;
    places.set(name, distinct.length);
    return distinct.push(context) - 1;
  });
  const sources = Int32Array.from(
    { length: contexts.length * samplesPerContext },
    (_, row) => placeOf[Math.floor(row / samplesPerContext)] as number,
  );
  return { distinct, sources };
}
