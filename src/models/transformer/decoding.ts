import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { causalMask, MASKED_SCORE } from '../../kernels/attention.js';
import { embed } from '../../kernels/embedding.js';
import { rotaryTables } from '../../kernels/rotary.js';
import type { DecodeOptions, DecodingSession, TokenContext } from '../../policy/policy.js';
import { repeatRows } from '../../tensor/repeat-rows.js';
import { assertLength } from '../../tensor/shape.js';
import type { TransformerConfig } from './config.js';
import { embedInputs, type KeyValues, runBlock, runHead } from './forward.js';
import type { TransformerParameters } from './parameters.js';
import { joinSequences } from './sequences.js';

/**
 * Decodes with cached keys and values. Contexts are computed once each, then their cache is repeated for the
 * samples that share them. Contexts of different lengths are right-padded and the padding is masked; positions
 * stay those of the unpadded sequence, so a row's values do not depend on its batch-mates.
 */
export function startTransformerDecoding(
  config: TransformerConfig,
  parameters: TransformerParameters,
  contexts: readonly TokenContext[],
  image: boolean,
  options: DecodeOptions,
): DecodingSession {
  const copies = options.samplesPerContext;
  const rows = contexts.length * copies;
  const headSize = config.width / config.heads;
  const sequences = joinSequences(contexts, undefined, image, config);
  const contextLengths = Int32Array.from(
    { length: rows },
    (_, n) => contexts[Math.floor(n / copies)]?.ids.length ?? 0,
  );
  let cache: KeyValues[] = [];
  let decoded = 0;
  let disposed = false;

  /** Runs the contexts, fills the cache and gives the first logits, `[N, V]`. */
  const prefill = (): tf.Tensor2D => {
    const result = tf.tidy(() => {
      const { length } = sequences;
      const rotary = rotaryTables(
        Array.from({ length }, (_, p) => p),
        headSize,
        config.ropeTheta,
      );
      const mask = causalMask(length);
      let stream = embedInputs(parameters, sequences.ids, sequences.imagePositions);
      const layers = parameters.blocks.map((block) => {
        const { stream: next, keys, values } = runBlock(config, block, stream, contexts.length, rotary, mask);
        stream = next;
        return { keys: repeatRows(keys, copies), values: repeatRows(values, copies) };
      });
      const last = contexts.map(({ ids }, row) => row * length + ids.length - 1);
      const logits = runHead(config, parameters, embed(stream, tf.tensor1d(last, 'int32')), image);
      return { logits: repeatRows(logits, copies), layers };
    });
    cache = result.layers;
    return result.logits;
  };

  /** Padding between a row's context and its first decoded token is masked: `[N, 1, 1, S]`. */
  const stepMask = (): tf.Tensor => {
    const length = sequences.length + decoded;
    const mask = new Float32Array(rows * length);
    for (let n = 0; n < rows; n++) {
      mask.fill(MASKED_SCORE, n * length + (contextLengths[n] as number), n * length + sequences.length);
    }
    return tf.tensor4d(mask, [rows, 1, 1, length]);
  };

  const step = (tokens: Int32Array): tf.Tensor2D => {
    assertLength('DecodingSession.next: tokens', tokens, rows, 'N');
    decoded += 1;
    const old = cache;
    const result = tf.tidy(() => {
      const positions = contextLengths.map((length) => length + decoded - 1);
      const rotary = rotaryTables(positions, headSize, config.ropeTheta);
      const mask = stepMask();
      const ids = image ? tokens.map((id) => id + config.textVocabulary) : tokens;
      const imagePositions = new Int32Array(rows).fill(image ? decoded : config.imageLength);
      let stream = embedInputs(parameters, ids, imagePositions);
      const layers = parameters.blocks.map((block, layer) => {
        const {
          stream: next,
          keys,
          values,
        } = runBlock(config, block, stream, rows, rotary, mask, old[layer]);
        stream = next;
        return { keys, values };
      });
      return { logits: runHead(config, parameters, stream, image), layers };
    });
    cache = result.layers;
    tf.dispose(old as unknown as tf.TensorContainer);
    return result.logits;
  };

  return {
    rows,
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
    dispose() {
      disposed = true;
      tf.dispose(cache as unknown as tf.TensorContainer);
      cache = [];
    },
  };
}
