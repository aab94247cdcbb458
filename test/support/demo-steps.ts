import {
  adamW,
  balanced,
  biLevelRollout,
  type PromptRow,
  sampleCompletions,
  score,
  type TokenContext,
  train,
} from 'bicot';
import type { TransformerPolicy } from 'bicot/models';
import { semanticContext, tokenContext } from '../../examples/emoji/model.js';
import { type SampledRows, samplingMargins } from '../../src/conformance/backend/margin.js';
import { DEMO_PROMPTS } from './demo-prompts.js';

/** What three steps of training did: all of it follows from the seed. */
export interface DemoSteps {
  readonly seed: number;
  readonly steps: readonly {
    /** Of both levels, row by row. */
    readonly tokens: readonly (readonly number[])[];
    readonly reward: number;
    readonly gradNorm: number;
    readonly kl: readonly number[];
  }[];
  /** How far each variable has moved: the length of the way, and Σ d_i cos i. */
  readonly moved: Readonly<Record<string, { norm: number; cosine: number }>>;
}

/** Short, so that a GPU in software is done in a minute. */
const [PLAN, PICTURE] = [2, 2];

/**
 * Trains the demo's policy for three steps.
 * @param watched is shown what was sampled, before the step's update
 * @returns and the largest |ratio − 1| before an update
 */
export async function demoSteps(
  model: TransformerPolicy,
  seed: number,
  watched?: (rows: SampledRows<TokenContext>) => Promise<void>,
): Promise<DemoSteps & { readonly deviation: number }> {
  const before = new Map<string, Float32Array>();
  for (const [name, variable] of Object.entries(model.variables)) {
    before.set(name, (await variable.data<'float32'>()).slice());
  }
  // With the usual ε Adam's first steps are signs, and rounding decides the sign of what is nearly 0.
  const optimizer = adamW({ beta2: 0.99, epsilon: 1e-2 });
  const rollout = biLevelRollout<PromptRow, TokenContext>({
    policy: model,
    semantic: {
      ...{ space: 'text', context: semanticContext },
      sampling: { maxTokens: PLAN },
    },
    token: {
      ...{ space: 'image', context: tokenContext },
      sampling: { maxTokens: PICTURE },
    },
  });
  const steps: DemoSteps['steps'][number][] = [];
  let deviation = 0;
  for await (const step of train<PromptRow, TokenContext>({
    ...{ policy: model, optimizer, seed, steps: 3, groupSize: 3, promptsPerStep: 2, prompts: DEMO_PROMPTS },
    ...{ learningRate: 1e-2, objective: balanced({ klWeight: 0.05 }), monitor: false },
    rollout: async (request) => {
      const sample: typeof sampleCompletions = async (policy, asked) => {
        const sampled = await sampleCompletions(policy, asked);
        const contexts = asked.contexts.flatMap((context) =>
          new Array<typeof context>(asked.samplesPerContext).fill(context),
        );
        const rows = { ...asked, contexts, completion: sampled.completion };
        await watched?.(rows as unknown as SampledRows<TokenContext>);
        return sampled;
      };
      return rollout({ ...request, sample });
    },
    // Nothing that a picture of two tokens deserves: some number that differs within a group.
    reward: async (samples) =>
      samples.map(({ tokens }) => {
        const ids = [...(tokens.semantic ?? []), ...(tokens.token ?? [])];
        return score(ids.reduce((sum, id, i) => sum + id * (i + 1), 0) % 11);
      }),
  })) {
    const { metrics } = step;
    const levels = Object.values(metrics.levels);
    deviation = Math.max(deviation, ...levels.map(({ maxRatioDeviation }) => maxRatioDeviation));
    steps.push({
      tokens: step.rollout.levels.map(({ completion }) => [...completion.ids]),
      ...{ reward: metrics.reward.mean, gradNorm: metrics.gradNorm, kl: levels.map(({ kl }) => kl) },
    });
  }
  optimizer.dispose();
  const moved: Record<string, { norm: number; cosine: number }> = {};
  for (const [name, variable] of Object.entries(model.variables)) {
    const old = before.get(name) as Float32Array;
    const way = (await variable.data<'float32'>()).map((value, i) => value - (old[i] as number));
    moved[name] = {
      norm: Math.sqrt(way.reduce((sum, d) => sum + d * d, 0)),
      cosine: way.reduce((sum, d, i) => sum + d * Math.cos(i), 0),
    };
  }
  return { seed, steps, moved, deviation };
}

/** Three steps on the present backend, and the smallest sampling margin in them. */
export async function stepsWithMargin(
  model: TransformerPolicy,
  seed: number,
): Promise<DemoSteps & { readonly margin: number }> {
  let margin = 1;
  const steps = await demoSteps(model, seed, async (rows) => {
    const margins = await samplingMargins(model, rows);
    rows.completion.lengths.forEach((length, row) => {
      const begin = row * rows.completion.width;
      margin = Math.min(margin, ...margins.subarray(begin, begin + length));
    });
  });
  return { ...steps, margin };
}
