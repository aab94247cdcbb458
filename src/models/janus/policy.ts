import * as tf from '@tensorflow/tfjs';
import { embed } from '../../kernels/embedding.js';
import { rmsNorm } from '../../kernels/rms-norm.js';
import { rotaryTables } from '../../kernels/rotary.js';
import type {
  DecodeOptions,
  DecodingSession,
  ImageSpace,
  NamedVariables,
  Policy,
  TextSpace,
} from '../../policy/policy.js';
import { assertTokenRange, selectTokenRows, type TokenBatch } from '../../policy/tokens.js';
import { recomputeDecoding } from '../../sampling/recompute.js';
import { assertLength } from '../../tensor/shape.js';
import { runBlocks } from '../backbone/blocks.js';
import { distinctContexts, startBackboneDecoding } from '../backbone/decoding.js';
import type { ScoringHead } from '../backbone/matrix-head.js';
import { predictionPositions } from '../backbone/sequences.js';
import { decodeVq } from '../vq/decode.js';
import { vqImageTokenizer } from '../vq/image-tokenizer.js';
import type { JanusConfig } from './config.js';
import { embedImageTokens, embedText, imageHead, janusBackbone, textHead } from './forward.js';
import type { JanusParameters } from './parameters.js';
import { embedSequences, isImageSpace, type JanusContext, joinSequences } from './sequences.js';
import type { JanusTokenIds, JanusTokenizer } from './tokenizer.js';

/** Janus-Pro as a policy with a `text` and an `image` space. */
export interface JanusPolicy extends Policy<JanusContext> {
  /** Sizes of the language model and of the image decoder. */
  readonly config: JanusConfig;
  /** What it emits: a level names one of the two. */
  readonly spaces: {
    /** Plans. It encodes and decodes text if there is a tokenizer. */
    readonly text: TextSpace;
    /** `grid²` tokens a picture; it decodes them to pixels. */
    readonly image: ImageSpace;
  };
  /** Tokens with a meaning of their own. */
  readonly tokens: JanusTokenIds;
  /**
   * Pictures as the decoder makes them, before they are cut to bytes.
   * @param tokens `[N, length]`
   * @returns `[N, H, W, 3]`, about −1 to 1; the caller disposes it
   */
  pixels(tokens: TokenBatch): tf.Tensor4D;
  /** Frees all weights. */
  dispose(): void;
}

/** What a Janus policy is put together from. */
export interface JanusParts {
  readonly config: JanusConfig;
  /** The policy's from now on. */
  readonly parameters: JanusParameters;
  /** Those among the parameters that training updates. */
  readonly variables: NamedVariables;
  readonly tokens: JanusTokenIds;
  /** Default: plans are ids without text. */
  readonly tokenizer?: JanusTokenizer;
  /** Which blocks are computed again in the backward pass, as in `runBlocks`. Default true. */
  readonly checkpointing?: boolean | number;
  /** Frees what `parameters` does not hold. */
  readonly onDispose?: () => void;
}

/**
 * Puts a policy together; `loadJanus` does it from a checkpoint.
 *
 * `logProbs` never holds the logits of all positions. A sample's values do not depend on its batch-mates: positions are its
 * own, and its unconditional branch is as long as itself.
 */
export function janusPolicy(parts: JanusParts): JanusPolicy {
  const { config, parameters, tokens, tokenizer, checkpointing = true } = parts;
  const backbone = janusBackbone(config, parameters);
  const size = config.language.width / config.language.heads;
  const rotary = (positions: ArrayLike<number>) => rotaryTables(positions, size, config.language.ropeTheta);
  const images = vqImageTokenizer(config.vq, parameters.vq);
  const heads = { text: textHead(parameters), image: imageHead(parameters) };
  const spaces = {
    text: {
      kind: 'text',
      size: config.language.vocabulary,
      endToken: tokens.end,
      ...(tokenizer && { encode: tokenizer.encode, decode: tokenizer.decode }),
    } as TextSpace,
    image: {
      kind: 'image',
      size: config.image.vocabulary,
      length: config.vq.grid ** 2,
      decode: (batch) => images.decode(batch),
    } as ImageSpace,
  };

  /** The normed stream where each completion token is predicted, `[N·T, H]`. */
  const predicting = (
    contexts: readonly JanusContext[],
    completion: TokenBatch,
    image: boolean,
  ): tf.Tensor2D =>
    tf.tidy(() => {
      const sequences = joinSequences(config, contexts, completion, image);
      const { length } = sequences;
      const { ids, gap = 0 } = contexts[0] as JanusContext;
      const tables = rotary(Array.from({ length }, (_, p) => (p < ids.length - 1 ? p : p + gap)));
      const inputs = embedSequences(parameters, sequences); // [N·S, H]
      const stream = runBlocks(backbone, inputs, tables, { checkpointing });
      const lengths = contexts.map((context) => context.ids.length);
      const picked = predictionPositions(lengths, completion, length);
      return rmsNorm(embed(stream, tf.tensor1d(picked, 'int32')), backbone.finalNorm, backbone.rmsEpsilon);
    });

  /** Calls `make` for the rows together, or one by one if their positions differ; `make` gives a row a token. */
  const overRows = <R extends tf.Tensor>(
    what: string,
    contexts: readonly JanusContext[],
    completion: TokenBatch,
    space: string,
    make: (hidden: tf.Tensor2D, head: ScoringHead, part: TokenBatch) => R,
  ): R => {
    const image = isImageSpace(space);
    assertLength(`janus.${what}: contexts`, contexts, completion.rows, 'N');
    assertTokenRange(completion, spaces[image ? 'image' : 'text'].size, `janus.${what}`);
    const head = heads[image ? 'image' : 'text'];
    return tf.tidy(() => {
      if (contexts.every(({ gap = 0 }) => gap === 0)) {
        return make(predicting(contexts, completion, image), head, completion);
      }
      const rows = contexts.map((context, row) => {
        const part = selectTokenRows(completion, [row]);
        return make(predicting([context], part, image), head, part);
      });
      return tf.concat(rows as tf.Tensor[]) as R;
    });
  };

  const policy: JanusPolicy = {
    ...{ config, spaces, tokens, variables: parts.variables },

    logits(contexts, completion, space) {
      return tf.tidy(() => {
        const logits = overRows('logits', contexts, completion, space, (hidden, head) => head.logits(hidden));
        return tf.reshape(logits, [completion.rows, completion.width, logits.shape[1] as number]);
      });
    },

    logProbs(contexts, completion, space, temperature) {
      return tf.tidy(() => {
        const logProbs = overRows('logProbs', contexts, completion, space, (hidden, head, part) =>
          head.logProbs(hidden, part.ids, temperature),
        );
        return tf.reshape(logProbs, [completion.rows, completion.width]);
      });
    },

    startDecoding(contexts, space, options: DecodeOptions): DecodingSession {
      const image = isImageSpace(space);
      // A cache numbers positions without gaps; parity with T2I-R1's is worth being slow.
      if (contexts.some(({ gap = 0 }) => gap > 0)) return recomputeDecoding(policy, contexts, space, options);
      const { distinct, sources } = distinctContexts(contexts, options.samplesPerContext, ({ ids }) =>
        ids.join(),
      );
      const sequences = joinSequences(config, distinct, undefined, image);
      return startBackboneDecoding({
        ...{ backbone, rotary, sources, maxTokens: options.maxTokens },
        head: heads[image ? 'image' : 'text'],
        lengths: Int32Array.from(distinct, ({ ids }) => ids.length),
        embedContexts: () => embedSequences(parameters, sequences),
        embedTokens: (ids) => (image ? embedImageTokens : embedText)(parameters, ids),
      });
    },

    unconditional({ ids, gap = 0 }) {
      const twin = new Int32Array(ids.length + gap).fill(tokens.pad);
      twin[0] = ids[0] as number;
      twin[twin.length - 1] = ids.at(-1) as number;
      return { ids: twin };
    },

    pixels: ({ ids }) => decodeVq(config.vq, parameters.vq, ids),

    dispose() {
      images.dispose();
      const { embedTokens, textHead, blocks, vq: _, ...rest } = parameters;
      tf.dispose([embedTokens, textHead, blocks, rest] as unknown as tf.TensorContainer);
      parts.onDispose?.();
    },
  };
  return policy;
}
