import type { DecodeOptions, DecodingSession } from '../../policy/policy.js';
import type { Backbone } from '../backbone/blocks.js';
import { type Head, type PackedBackbone, packBackbone } from '../backbone/decoder.js';
import { distinctContexts, startBackboneDecoding } from '../backbone/decoding.js';
import { mergeSessions } from '../backbone/merge-sessions.js';
import type { LlamaGenConfig } from './config.js';
import { contextKey, contextTokens, type LlamaGenContext, rowsByLength } from './contexts.js';
import { embedConditions, embedImageTokens } from './forward.js';
import type { LlamaGenParameters } from './parameters.js';
import { llamaGenRotary } from './rotary.js';

/** What decoding needs of a model. */
export interface DecodedModel {
  readonly config: LlamaGenConfig;
  readonly parameters: LlamaGenParameters;
  readonly backbone: Backbone;
  readonly head: Head;
}

/**
 * Decodes with cached keys and values. The first image token turns by row 0 and column 0 however long its condition is, so
 * that conditions of different lengths can't share tables of angles: each length has a session of its own. They share
 * the packed matrices.
 * @param contexts checked
 */
export function startLlamaGenDecoding(
  model: DecodedModel,
  contexts: readonly LlamaGenContext[],
  options: DecodeOptions,
): DecodingSession {
  const groups = rowsByLength(contexts);
  const sessionOf = (places: readonly number[], packed?: PackedBackbone) =>
    startSession(
      model,
      places.map((place) => contexts[place] as LlamaGenContext),
      options,
      packed,
    );
  if (groups.length === 1) return sessionOf([...contexts.keys()]);
  const packed = packBackbone(model.backbone, model.head);
  const { samplesPerContext } = options;
  const parts = groups.map((places) => ({
    session: sessionOf(places, packed),
    rows: Int32Array.from(
      { length: places.length * samplesPerContext },
      (_, row) =>
        (places[Math.floor(row / samplesPerContext)] as number) * samplesPerContext +
        (row % samplesPerContext),
    ),
  }));
  return mergeSessions(parts, () => packed.dispose());
}

/** A session of conditions of one length. */
function startSession(
  { config, parameters, backbone, head }: DecodedModel,
  contexts: readonly LlamaGenContext[],
  { samplesPerContext, maxTokens }: DecodeOptions,
  packed?: PackedBackbone,
): Required<DecodingSession> {
  const { distinct, sources } = distinctContexts(contexts, samplesPerContext, contextKey);
  const before = contextTokens(contexts[0] as LlamaGenContext);
  return startBackboneDecoding({
    ...{ backbone, head, packed, maxTokens, sources },
    lengths: new Int32Array(distinct.length).fill(before),
    rotary: (positions) => llamaGenRotary(config, before, positions),
    embedContexts: () => embedConditions(parameters.condition, distinct),
    embedTokens: (ids) => embedImageTokens(parameters, ids),
  });
}
