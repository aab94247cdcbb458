import { rotaryTables } from '../../kernels/rotary.js';
import type { DecodeOptions, DecodingSession, TokenContext } from '../../policy/policy.js';
import { distinctContexts, startBackboneDecoding } from '../backbone/decoding.js';
import type { TransformerConfig } from './config.js';
import { backboneOf, embedInputs, headOf } from './forward.js';
import type { TransformerParameters } from './parameters.js';
import { joinSequences } from './sequences.js';

/** Decodes with cached keys and values; see `startBackboneDecoding`. */
export function startTransformerDecoding(
  config: TransformerConfig,
  parameters: TransformerParameters,
  contexts: readonly TokenContext[],
  image: boolean,
  options: DecodeOptions,
): DecodingSession {
  const { distinct, sources } = distinctContexts(contexts, options.samplesPerContext, ({ ids }) =>
    ids.join(),
  );
  const sequences = joinSequences(distinct, undefined, image, config);
  return startBackboneDecoding({
    backbone: backboneOf(config, parameters),
    head: headOf(parameters, image),
    maxTokens: options.maxTokens,
    lengths: Int32Array.from(distinct, ({ ids }) => ids.length),
    sources,
    rotary: (positions) => rotaryTables(positions, config.width / config.heads, config.ropeTheta),
    embedContexts: () => embedInputs(parameters, sequences.ids, sequences.imagePositions),
    embedTokens(tokens, decoded) {
      const ids = image ? tokens.map((id) => id + config.textVocabulary) : tokens;
      const imagePositions = new Int32Array(tokens.length).fill(image ? decoded : config.imageLength);
      return embedInputs(parameters, ids, imagePositions);
    },
  });
}
