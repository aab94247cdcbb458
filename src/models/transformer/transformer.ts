import * as tf from '@tensorflow/tfjs';
import { embed } from '../../kernels/embedding.js';
import { rotaryTables } from '../../kernels/rotary.js';
import type { ImageSpace, NamedVariables, Policy, TextSpace, TokenContext } from '../../policy/policy.js';
import { assertTokenRange } from '../../policy/tokens.js';
import { withRecipe } from '../../recipe.js';
import type { KeyPart } from '../../tensor/noise.js';
import { assertLength } from '../../tensor/shape.js';
import { runBlocks } from '../backbone/blocks.js';
import { predictionPositions } from '../backbone/sequences.js';
import { type TransformerConfig, type TransformerOptions, transformerConfig } from './config.js';
import { startTransformerDecoding } from './decoding.js';
import { backboneOf, embedInputs, runHead } from './forward.js';
import { BLANK, createParameters, namedParameters, type TransformerParameters } from './parameters.js';
import { isImageSpace, joinSequences } from './sequences.js';

/** A unified text+image transformer as a policy with a `text` and an `image` space. */
export interface TransformerPolicy extends Policy<TokenContext> {
  /** Sizes and special tokens, defaults filled in. */
  readonly config: TransformerConfig;
  /** What it emits: a level names one of the two. */
  readonly spaces: {
    /** Plans. It encodes and decodes text if a `tokenizer` was given. */
    readonly text: TextSpace;
    /** `imageLength` tokens a picture. It decodes them if an `imageTokenizer` was given. */
    readonly image: ImageSpace;
  };
  /** Frees the variables. */
  dispose(): void;
}

/** What turns the model's tokens into text and pictures, and its first weights. */
export interface TransformerParts {
  /** Default: plans are ids without text. */
  readonly tokenizer?: Pick<TextSpace, 'encode' | 'decode'>;
  /** Default: images are tokens without pixels. */
  readonly imageTokenizer?: Pick<ImageSpace, 'decode'>;
  /** Seed of the initial weights. Default 0. */
  readonly seed?: KeyPart;
}

/**
 * A decoder-only transformer over text and image tokens: pre-norm RMSNorm, rotary positions, SwiGLU, one joint
 * embedding table, separate text and image heads. Contexts are text tokens; the image level's contexts usually end
 * with a begin-of-image token.
 * @throws BicotError `value` for impossible sizes
 */
export function createTransformer(
  options: TransformerOptions,
  parts: TransformerParts = {},
): TransformerPolicy {
  const config = transformerConfig(options);
  return assembled(config, createParameters(config, parts.seed ?? 0), parts);
}

/** What its recipe makes in a worker: no tokenizers, and zeros until the weights are copied. */
export function blankTransformer(config: TransformerConfig): TransformerPolicy {
  return assembled(config, createParameters(config, BLANK), {});
}

function assembled(
  config: TransformerConfig,
  parameters: TransformerParameters,
  parts: TransformerParts,
): TransformerPolicy {
  const variables: NamedVariables = namedParameters(parameters);
  const spaces = {
    text: {
      kind: 'text',
      size: config.textVocabulary,
      endToken: config.endToken,
      ...parts.tokenizer,
    } as TextSpace,
    image: {
      kind: 'image',
      size: config.imageVocabulary,
      length: config.imageLength,
      ...parts.imageTokenizer,
    } as ImageSpace,
  };

  const policy: TransformerPolicy = {
    config,
    variables,
    spaces,

    logits(contexts, completion, space) {
      const image = isImageSpace(space);
      assertLength('transformer.logits: contexts', contexts, completion.rows, 'N');
      assertTokenRange(completion, spaces[image ? 'image' : 'text'].size, 'transformer.logits');
      return tf.tidy(() => {
        const sequences = joinSequences(contexts, completion, image, config);
        const { rows, length } = sequences;
        const positions = Array.from({ length }, (_, p) => p);
        const rotary = rotaryTables(positions, config.width / config.heads, config.ropeTheta);
        const inputs = embedInputs(parameters, sequences.ids, sequences.imagePositions); // [N·S, d]
        const stream = runBlocks(backboneOf(config, parameters), inputs, rotary);
        const picked = predictionPositions(
          contexts.map(({ ids }) => ids.length),
          completion,
          length,
        );
        const hidden = embed(stream, tf.tensor1d(picked, 'int32')); // [N·T, d]
        const logits = runHead(config, parameters, hidden, image); // [N·T, V]
        return tf.reshape(logits, [rows, completion.width, logits.shape[1]]);
      });
    },

    startDecoding(contexts, space, decodeOptions) {
      return startTransformerDecoding(config, parameters, contexts, isImageSpace(space), decodeOptions);
    },

    unconditional(context) {
      return { ids: context.ids.filter((id) => id < config.specialTokens) };
    },

    dispose() {
      tf.dispose(variables as unknown as tf.TensorContainer);
    },
  };
  return withRecipe(policy, 'transformer', [config]);
}
