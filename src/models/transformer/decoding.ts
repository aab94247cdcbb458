import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import type { KeyValueCaches } from '../../kernels/cache-plan.js';
import { decodeBlocks } from '../../kernels/decode-blocks.js';
import { embed } from '../../kernels/embedding.js';
import { keyValueCaches } from '../../kernels/key-value-cache.js';
import { rotaryTables } from '../../kernels/rotary.js';
import type { DecodeOptions, DecodingSession, TokenContext } from '../../policy/policy.js';
import { assertLength } from '../../tensor/shape.js';
import type { TransformerConfig } from './config.js';
import { type TransformerDecoder, transformerDecoder } from './decoder.js';
import { embedInputs, runBlocks, runHead } from './forward.js';
import type { TransformerParameters } from './parameters.js';
import { joinSequences } from './sequences.js';

/**
 * Decodes with cached keys and values. A context is computed once, however many samples share it, and so are contexts
 * of the same tokens, as the unconditional ones of guidance often are. Contexts of different lengths are right-padded;
 * positions stay those of the unpadded sequence, so a row's values do not depend on its batch-mates.
 */
export function startTransformerDecoding(
  config: TransformerConfig,
  parameters: TransformerParameters,
  contexts: readonly TokenContext[],
  image: boolean,
  options: DecodeOptions,
): DecodingSession {
  const { distinct, sources } = distinctContexts(contexts, options.samplesPerContext);
  const sequences = joinSequences(distinct, undefined, image, config);
  const lengths = Int32Array.from(distinct, ({ ids }) => ids.length);
  let alive: Int32Array = Int32Array.from(sources, (_, slot) => slot);
  let decoder: TransformerDecoder | undefined;
  let caches: KeyValueCaches | undefined;
  let decoded = 0;
  let disposed = false;

  /** Runs the contexts, fills the cache and gives the first logits, `[N, V]`. */
  const prefill = (): tf.Tensor2D => {
    const made = keyValueCaches(
      {
        heads: config.heads,
        size: config.width / config.heads,
        ownLength: options.maxTokens,
        theta: config.ropeTheta,
        lengths,
        sources,
      },
      config.layers,
    );
    caches = made;
    decoder = transformerDecoder(config, parameters, made, image);
    return tf.tidy(() => {
      const { length } = sequences;
      const positions = Array.from({ length }, (_, p) => p);
      const rotary = rotaryTables(positions, config.width / config.heads, config.ropeTheta);
      const inputs = embedInputs(parameters, sequences.ids, sequences.imagePositions);
      const stream = runBlocks(config, parameters, inputs, rotary, (block, { keys, values }) =>
        made.blocks[block]?.fill(keys, values),
      );
      const last = distinct.map(({ ids }, row) => row * length + ids.length - 1);
      const logits = runHead(config, parameters, embed(stream, tf.tensor1d(last, 'int32')), image);
      return embed(logits, tf.tensor1d(sources, 'int32'));
    });
  };

  const step = (tokens: Int32Array): tf.Tensor2D => {
    assertLength('DecodingSession.next: tokens', tokens, alive.length, 'N');
    decoded += 1;
    const made = caches as KeyValueCaches;
    const positions = alive.map((slot) => (lengths[sources[slot] as number] as number) + decoded - 1);
    made.step({ slots: alive, positions });
    return tf.tidy(() => {
      const ids = image ? tokens.map((id) => id + config.textVocabulary) : tokens;
      const imagePositions = new Int32Array(tokens.length).fill(image ? decoded : config.imageLength);
      const inputs = embedInputs(parameters, ids, imagePositions);
      return decodeBlocks(inputs, decoder as TransformerDecoder);
    });
  };

  return {
    rows: sources.length,
    next(tokens) {
      if (disposed) throw new BicotError('value', 'This decoding session was disposed; start another one.');
      if (!tokens) return prefill();
      if (decoded + 1 >= options.maxTokens) {
        throw new BicotError(
          'value',
          `This decoding session was started for ${options.maxTokens} tokens; start it with a larger maxTokens.`,
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
      decoder?.dispose();
      [caches, decoder] = [undefined, undefined];
    },
  };
}

/** Contexts without repetitions, and which of them each row of the session goes on from. */
function distinctContexts(
  contexts: readonly TokenContext[],
  samplesPerContext: number,
): { distinct: TokenContext[]; sources: Int32Array } {
  const places = new Map<string, number>();
  const distinct: TokenContext[] = [];
  const placeOf = contexts.map((context) => {
    const key = context.ids.join();
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, distinct.length);
    return distinct.push(context) - 1;
  });
  const sources = Int32Array.from(
    { length: contexts.length * samplesPerContext },
    (_, row) => placeOf[Math.floor(row / samplesPerContext)] as number,
  );
  return { distinct, sources };
}
