/** What must hold of a training run with the shipped transformer and everything switched on. */
import * as tf from '@tensorflow/tfjs';
import {
  biLevelRollout,
  type LevelRollout,
  levelLogProbs,
  type RewardFunction,
  type Rollout,
  type RolloutFunction,
  type SamplingOptions,
  score,
  type TokenContext,
  type TrainOptions,
  t2iR1,
  tokenMask,
  train,
} from 'bicot';
import { exportWeights, type TransformerPolicy } from 'bicot/models';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnBackends } from './support/backends.js';
import { END, IMAGE, smallTransformer } from './support/small-transformer.js';

/** A prompt is its words' ids; prompts have different lengths. */
type Words = readonly number[];
type Options = TrainOptions<Words, TokenContext>;

const PROMPTS: readonly Words[] = [[5], [6, 7, 8], [9, 10], [11, 12, 13, 14]];

/** Top-p on plans, guidance on images: both trained exactly. */
const TEXT: SamplingOptions = { maxTokens: 6, topP: 0.9, recordKept: true };
const PICTURE: SamplingOptions = { guidance: { scale: 2, logProbs: 'guided' } };

const rolloutOf = (
  policy: TransformerPolicy,
  text: SamplingOptions = TEXT,
): RolloutFunction<Words, TokenContext> =>
  biLevelRollout({
    policy,
    semantic: {
      space: 'text',
      sampling: text,
      context: (words) => ({ ids: Int32Array.of(1, ...words, END) }),
    },
    token: {
      space: 'image',
      sampling: PICTURE,
      context: (words, plan) => ({ ids: Int32Array.of(1, ...words, ...plan.ids, IMAGE) }),
    },
  });

const dark: RewardFunction = async (samples) =>
  samples.map(({ tokens }) => score(-[...(tokens.token ?? [])].reduce((sum, token) => sum + token, 0)));

const levelOf = (rollout: Rollout<Words, TokenContext>, name: string): LevelRollout<TokenContext> => {
  const found = rollout.levels.find((level) => level.name === name);
  if (!found) throw new Error(`no level ${name}`);
  return found;
};

async function logProbsOf(level: LevelRollout<TokenContext>, begin?: number, end?: number) {
  const scored = levelLogProbs(level, { begin, end });
  const values = (await scored.data()) as Float32Array;
  scored.dispose();
  return values;
}

describeOnBackends('training', () => {
  let policy: TransformerPolicy;
  let options: Options;
  beforeAll(async () => {
    policy = await smallTransformer();
    options = {
      policy,
      rollout: rolloutOf(policy),
      reward: dark,
      prompts: PROMPTS,
      steps: 21,
      groupSize: 4,
      promptsPerStep: 2,
      microBatch: 3,
      learningRate: 1e-3,
      objective: t2iR1({ klWeight: 0.01 }),
      seed: 5,
    };
  });
  afterAll(() => policy.dispose());

  it('grows by no tensor in 20 steps after the first: cache, guidance, kept top-p, KL penalty', async () => {
    expect(policy.startDecoding).toBeDefined();
    const before = tf.memory().numTensors;
    const counts: number[] = [];
    for await (const { metrics, rollout } of train(options)) {
      counts.push(tf.memory().numTensors);
      for (const level of ['semantic', 'token']) {
        expect(metrics.levels[level]?.trained).toBe(true);
        expect(metrics.levels[level]?.maxRatioDeviation).toBeLessThan(1e-4);
        if (metrics.step > 0) expect(metrics.levels[level]?.kl).toBeGreaterThan(0);
      }
      expect(levelOf(rollout, 'semantic').kept).toBeDefined();
    }
    expect(counts).toEqual(new Array(21).fill(counts[0]));
    expect(counts[0]).toBeGreaterThan(before); // optimiser and reference live while it runs
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses truncated sampling whose kept tokens were not recorded, and says why', async () => {
    const before = tf.memory().numTensors;
    const weights = await exportWeights(policy.variables);
    for (const truncation of [{ topP: 0.9 }, { topK: 5 }]) {
      const rollout = rolloutOf(policy, { maxTokens: 6, ...truncation });
      for (const klWeight of [0, 0.01]) {
        const run = train({ ...options, rollout, objective: t2iR1({ klWeight }) });
        await expect(run.next()).rejects.toMatchObject({
          code: 'unsupported',
          message: expect.stringMatching(/'semantic'.*not recorded.*ratio.*recordKept: true/),
        });
      }
    }
    expect(await exportWeights(policy.variables)).toEqual(weights);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses groups of one and empty prompts before it samples', async () => {
    const rollout: Options['rollout'] = () => {
      throw new Error('sampled');
    };
    const refused = (changed: Partial<Options>) => () => train({ ...options, rollout, ...changed });
    expect(refused({ groupSize: 1 })).toThrow(expect.objectContaining({ code: 'group-size' }));
    expect(refused({ groupSize: 1 })).toThrow(/compares samples of one prompt/);
    expect(refused({ prompts: [] })).toThrow(expect.objectContaining({ code: 'empty-prompts' }));
    await expect(
      rolloutOf(policy)({ prompts: [], promptIds: [], groupSize: 2, step: 0, seed: 0 }),
    ).rejects.toMatchObject({ code: 'empty-prompts' });
  });

  it('a sample is the same with other batch-mates, and so are its log-probs', async () => {
    const request = { groupSize: 2, step: 0, seed: 9 };
    const together = await rolloutOf(policy)({ ...request, prompts: PROMPTS, promptIds: [0, 1, 2, 3] });
    const alone = await rolloutOf(policy)({ ...request, prompts: PROMPTS.slice(1, 2), promptIds: [1] });
    expect(alone.samples.map(({ tokens }) => tokens)).toEqual(
      together.samples.slice(2, 4).map(({ tokens }) => tokens),
    );
    for (const name of ['semantic', 'token']) {
      const level = levelOf(together, name);
      const { rows, width, lengths } = level.completion;
      const all = await logProbsOf(level);
      const mask = tokenMask(level.completion);
      // Not vacuous: the tokens are far from certain.
      expect(Math.min(...all)).toBeLessThan(-0.5);
      for (let row = 0; row < rows; row++) {
        const own = await logProbsOf(level, row, row + 1);
        for (let t = 0; t < (lengths[row] as number); t++) {
          const here = all[row * width + t] as number;
          expect(Math.abs((own[t] as number) - here)).toBeLessThan(1e-5);
        }
      }
      // Padding says nothing.
      expect(all.filter((_, at) => mask[at] === 0).every((value) => value === 0)).toBe(true);
    }
  });
});
