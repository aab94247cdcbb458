import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { embed } from '../../kernels/embedding.js';
import { rmsNorm } from '../../kernels/rms-norm.js';
import type { ImageSpace, NamedVariables, Policy } from '../../policy/policy.js';
import { assertTokenRange, selectTokenRows, type TokenBatch } from '../../policy/tokens.js';
import { assertLength } from '../../tensor/shape.js';
import { runBlocks } from '../backbone/blocks.js';
import { matrixHead } from '../backbone/matrix-head.js';
import { predictionPositions } from '../backbone/sequences.js';
import type { VqDecoderConfig } from '../vq/config.js';
import { decodeVq } from '../vq/decode.js';
import { vqImageTokenizer } from '../vq/image-tokenizer.js';
import type { VqParameters } from '../vq/parameters.js';
import type { LlamaGenConfig } from './config.js';
import {
  assertContexts,
  contextTokens,
  type LlamaGenContext,
  rowsByLength,
  withoutCondition,
} from './contexts.js';
import { startLlamaGenDecoding } from './decoding.js';
import { embedSequences, llamaGenBackbone } from './forward.js';
import type { LlamaGenParameters } from './parameters.js';
import { llamaGenRotary } from './rotary.js';
import { llamaGenByte } from './tokenizer.js';

/** LlamaGen as a policy with an `image` space. */
export interface LlamaGenPolicy extends Policy<LlamaGenContext> {
  /** Sizes of the transformer, and what it is conditioned on. */
  readonly config: LlamaGenConfig;
  /** Its `decode` is there if an image tokenizer is. */
  readonly spaces: {
    /** `grid²` tokens a picture. */
    readonly image: ImageSpace;
  };
  /** The context without its condition. */
  unconditional(context: LlamaGenContext): LlamaGenContext;
  /**
   * Pictures as the decoder makes them, before they are cut to bytes.
   * @param tokens `[N, grid²]`
   * @returns `[N, H, W, 3]`, about −1 to 1; the caller disposes it
   * @throws BicotError `value` without an image tokenizer
   */
  pixels(tokens: TokenBatch): tf.Tensor4D;
  /** Frees all weights. Safe to call twice. */
  dispose(): void;
}

/** What a LlamaGen policy is put together from; all of it is the policy's from then on. */
export interface LlamaGenParts {
  readonly config: LlamaGenConfig;
  readonly parameters: LlamaGenParameters;
  /** Those among the parameters that training updates. */
  readonly variables: NamedVariables;
  /** The image decoder. */
  readonly tokenizer?: { readonly config: VqDecoderConfig; readonly parameters: VqParameters };
  /** Compute blocks again in the backward pass instead of keeping what they made: all, or how many, as `runBlocks` has it. Default true. */
  readonly checkpointing?: boolean | number;
  /** Frees what all this lies in. */
  readonly onDispose: () => void;
}

/**
 * Puts a policy together; `loadLlamaGen` does it from a checkpoint.
 *
 * `logProbs` never holds the logits of all positions. A sample's values do not depend on its batch-mates: a caption has
 * as many tokens as it has, and captions of different lengths are computed apart.
 */
export function llamaGenPolicy(parts: LlamaGenParts): LlamaGenPolicy {
  const { config, parameters, tokenizer, checkpointing = true } = parts;
  const backbone = llamaGenBackbone(config, parameters);
  const head = matrixHead(parameters.head);
  const images = tokenizer && vqImageTokenizer(tokenizer.config, tokenizer.parameters, llamaGenByte);
  const image: ImageSpace = {
    ...{ kind: 'image', size: config.vocabulary, length: config.grid ** 2 },
    ...(images && { decode: (batch: TokenBatch) => images.decode(batch) }),
  };

  /** The normed stream where each token is predicted, `[R · T, d]`, for contexts of one length. */
  const predicting = (contexts: readonly LlamaGenContext[], completion: TokenBatch): tf.Tensor2D =>
    tf.tidy(() => {
      const before = contextTokens(contexts[0] as LlamaGenContext);
      const { inputs, length } = embedSequences(parameters, contexts, before, completion);
      const places = Array.from({ length }, (_, place) => place);
      const stream = runBlocks(backbone, inputs, llamaGenRotary(config, before, places), { checkpointing });
      const lengths = contexts.map(() => before);
      const picked = tf.tensor1d(predictionPositions(lengths, completion, length), 'int32');
      return rmsNorm(embed(stream, picked), backbone.finalNorm, backbone.rmsEpsilon);
    });

  /**
   * Calls `make` for the rows whose contexts have one length, and puts what it gives in the rows' order.
   * @returns `[N, …]`
   */
  const byLength = (
    what: string,
    contexts: readonly LlamaGenContext[],
    completion: TokenBatch,
    space: string,
    make: (hidden: tf.Tensor2D, part: TokenBatch) => tf.Tensor,
  ): tf.Tensor2D => {
    assertImageSpace(space);
    assertLength(`LlamaGen.${what}: contexts`, contexts, completion.rows, 'N');
    assertContexts(config, contexts);
    assertTokenRange(completion, config.vocabulary, `LlamaGen.${what}`);
    assertImageLength(completion, image.length);
    return tf.tidy(() => {
      const groups = rowsByLength(contexts);
      const made = groups.map((rows) => {
        const part = groups.length === 1 ? completion : selectTokenRows(completion, rows);
        const own = rows.map((row) => contexts[row] as LlamaGenContext);
        return tf.reshape(make(predicting(own, part), part), [rows.length, -1]) as tf.Tensor2D;
      });
      if (made.length === 1) return made[0] as tf.Tensor2D;
      const places = new Int32Array(contexts.length);
      for (const [place, row] of groups.flat().entries()) places[row] = place;
      return embed(tf.concat(made, 0), tf.tensor1d(places, 'int32'));
    });
  };

  return {
    ...{ config, spaces: { image }, variables: parts.variables },

    logits: (contexts, completion, space) =>
      tf.tidy(() => {
        const logits = byLength('logits', contexts, completion, space, (hidden) => head.logits(hidden));
        return tf.reshape(logits, [completion.rows, completion.width, config.vocabulary]);
      }),

    logProbs: (contexts, completion, space, temperature) =>
      byLength('logProbs', contexts, completion, space, (hidden, { ids }) =>
        head.logProbs(hidden, ids, temperature),
      ),

    startDecoding(contexts, space, options) {
      assertImageSpace(space);
      assertContexts(config, contexts);
      return startLlamaGenDecoding({ config, parameters, backbone, head }, contexts, options);
    },

    unconditional: withoutCondition(config, parameters.condition),

    pixels({ ids }) {
      if (tokenizer) return decodeVq(tokenizer.config, tokenizer.parameters, ids);
      throw new BicotError(
        'value',
        'LlamaGen.pixels: the model was loaded without an image tokenizer. Give its file to loadLlamaGen, such as vq_ds16_c2i.pt.',
      );
    },

    dispose() {
      images?.dispose();
      parts.onDispose();
    },
  };
}

function assertImageSpace(space: string): void {
  if (space === 'image') return;
  throw new BicotError('value', `LlamaGen has no token space '${space}'; it has 'image' alone.`);
}

function assertImageLength({ lengths }: TokenBatch, most: number): void {
  const row = lengths.findIndex((length) => length > most);
  if (row < 0) return;
  throw new BicotError(
    'shape',
    `LlamaGen: row ${row} has ${lengths[row]} tokens, but an image of this model has ${most}. Cut it.`,
  );
}
