import type { SamplingOptions } from '../policy/distribution.js';
import type { Policy, RgbImage } from '../policy/policy.js';
import { tokenSpaceOf } from '../policy/spaces.js';
import { tokenRow } from '../policy/tokens.js';
import { sampleInChunks } from '../sampling/chunks.js';
import { sampleCompletions } from '../sampling/sampler.js';
import { uniformStream } from '../tensor/noise.js';
import { occurrencesOf, type RolloutRequest } from './request.js';
import type { LevelRollout } from './types.js';

/** One level to sample, with the contexts ready. */
export interface LevelPlan<Context> {
  readonly name: string;
  readonly space: string;
  readonly policy: Policy<Context>;
  readonly sampling: SamplingOptions;
  /** The distinct contexts, in order. */
  readonly contexts: readonly Context[];
  readonly samplesPerContext: number;
  /** Samples that share one row. */
  readonly samplesPerRow: number;
  /** Rows decoded side by side. Default: all. */
  readonly rowsAtOnce?: number;
}

/** Samples one level. Streams are keyed by (seed, step, prompt, index within the group, level). */
export async function sampleLevel<Prompt, Context>(
  plan: LevelPlan<Context>,
  request: RolloutRequest<Prompt>,
): Promise<LevelRollout<Context>> {
  const { name, space, policy, sampling, contexts, samplesPerContext, samplesPerRow } = plan;
  const { seed, step, promptIds, groupSize, signal, onProgress, sample = sampleCompletions } = request;
  const rowsPerPrompt = groupSize / samplesPerRow;
  const occurrences = occurrencesOf(promptIds);
  const { rowsAtOnce } = plan;
  const sampler = rowsAtOnce === undefined ? sample : sampleInChunks(rowsAtOnce, sample);
  const completions = await sampler(policy, {
    contexts,
    samplesPerContext,
    space,
    sampling,
    signal,
    onProgress: onProgress && ((progress) => onProgress({ level: name, ...progress })),
    streams: (row) => {
      const prompt = Math.floor(row / rowsPerPrompt);
      const index = (occurrences[prompt] as number) * rowsPerPrompt + (row % rowsPerPrompt);
      return uniformStream(seed, step, promptIds[prompt] as string | number, index, name);
    },
  });
  return {
    name,
    space,
    policy,
    contexts: contexts.flatMap((context) => new Array<Context>(samplesPerContext).fill(context)),
    sampling,
    samplesPerRow,
    ...completions,
  };
}

/** One completion's tokens without the end token. */
export function contentTokens<Context>(level: LevelRollout<Context>, row: number): Int32Array {
  const { endToken } = tokenSpaceOf(level.policy, level.space);
  const ids = tokenRow(level.completion, row);
  return endToken !== undefined && ids.at(-1) === endToken ? ids.subarray(0, -1) : ids;
}

/** The rows as text, if the level's space can decode text. */
export function decodeTexts<Context>(level: LevelRollout<Context>): string[] | undefined {
  const space = tokenSpaceOf(level.policy, level.space);
  if (space.kind !== 'text' || space.decode === undefined) return undefined;
  return Array.from({ length: level.completion.rows }, (_, row) =>
    (space.decode as (ids: ArrayLike<number>) => string)(contentTokens(level, row)),
  );
}

/** The rows as pictures, if the level's space can decode images. */
export async function decodeImages<Context>(level: LevelRollout<Context>): Promise<RgbImage[] | undefined> {
  const space = tokenSpaceOf(level.policy, level.space);
  if (space.kind !== 'image' || space.decode === undefined) return undefined;
  return space.decode(level.completion);
}
