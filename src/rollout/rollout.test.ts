import { describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../test/support/backends.js';
import {
  context,
  IMAGE,
  type TabularPolicy,
  TEXT,
  tabularPolicy,
} from '../../test/support/tabular-policy.js';
import type { SamplingOptions } from '../policy/distribution.js';
import type { TokenContext } from '../policy/policy.js';
import { freezeReference } from '../policy/reference.js';
import { tokenRow } from '../policy/tokens.js';
import { type BiLevelOptions, biLevelRollout } from './bi-level.js';
import { levelLogProbs } from './level-log-probs.js';
import { oneLevelRollout } from './one-level.js';
import type { RolloutRequest } from './request.js';
import type { LevelRollout, Rollout } from './types.js';

interface Prompt {
  readonly word: number;
}

const request = (more: Partial<RolloutRequest<Prompt>> = {}): RolloutRequest<Prompt> => ({
  prompts: [{ word: 1 }, { word: 2 }],
  promptIds: ['first', 'second'],
  groupSize: 4,
  step: 3,
  seed: 0,
  ...more,
});

const biLevel = (
  policy: TabularPolicy,
  more: Partial<BiLevelOptions<Prompt, TokenContext>> = {},
  sampling: SamplingOptions = {},
) =>
  biLevelRollout<Prompt, TokenContext>({
    policy,
    semantic: {
      space: 'text',
      sampling: { maxTokens: 6, temperature: 1.2 },
      context: ({ word }) => context(word),
    },
    token: {
      space: 'image',
      sampling,
      context: ({ word }, plan) => context(word, ...plan.ids),
    },
    ...more,
  });

const levelOf = (rollout: Rollout<Prompt, TokenContext>, name: string) =>
  rollout.levels.find((level) => level.name === name) as LevelRollout<TokenContext>;
const tokensOf = (rollout: Rollout<Prompt, TokenContext>) =>
  rollout.samples.map(({ tokens }) => ({
    semantic: [...(tokens.semantic ?? [])],
    token: [...(tokens.token as Int32Array)],
  }));

describeOnBackends('biLevelRollout', () => {
  it('lets a policy have a last word on the contexts of all images', async () => {
    const policy = tabularPolicy({ scale: 0.5 });
    const token: BiLevelOptions<Prompt, TokenContext>['token'] = {
      ...{ space: 'image', sampling: {} },
      context: ({ word }, plan) => context(word, ...plan.ids),
    };
    let seen = 0;
    const together = (all: readonly TokenContext[]) => {
      seen = all.length;
      return all.map(({ ids }) => context(...ids, all.length));
    };
    const rollout = await biLevel(policy, { token: { ...token, together } })(request());
    expect(seen).toBe(8);
    for (const { ids } of levelOf(rollout, 'token').contexts) expect(ids.at(-1)).toBe(8);
    const short = biLevel(policy, { token: { ...token, together: (all) => all.slice(1) } });
    await expect(short(request())).rejects.toThrow(/token\.together/);
    policy.dispose();
  });

  it('plans, then draws each plan, and puts the samples together', async () => {
    const policy = tabularPolicy({ scale: 0.5 });
    const rollout = await biLevel(policy)(request());
    const semantic = levelOf(rollout, 'semantic');
    const token = levelOf(rollout, 'token');
    expect(rollout.levels.map(({ name, space }) => [name, space])).toEqual([
      ['semantic', 'text'],
      ['token', 'image'],
    ]);
    expect(rollout.samples.map(({ group, index }) => [group, index])).toEqual(
      [0, 1].flatMap((group) => [0, 1, 2, 3].map((index) => [group, index])),
    );
    for (const level of [semantic, token]) {
      expect(level.completion.rows).toBe(8);
      expect(level.contexts.length).toBe(8);
      expect(level.behaviourLogProbs.length).toBe(8 * level.completion.width);
      expect(level.samplesPerRow).toBe(1);
    }
    expect(semantic.contexts[0]).toBe(semantic.contexts[3]);
    expect(token.completion.width).toBe(IMAGE.length);
    rollout.samples.forEach((sample, i) => {
      const { word } = sample.prompt;
      expect(word).toBe(i < 4 ? 1 : 2);
      const plan = [...tokenRow(semantic.completion, i)];
      const content = plan.at(-1) === TEXT.endToken ? plan.slice(0, -1) : plan;
      expect(sample.plan).toBe(content.join(' '));
      expect([...(sample.tokens.semantic as Int32Array)]).toEqual(plan);
      // The image is conditioned on the plan without its end token.
      expect([...(token.contexts[i] as TokenContext).ids]).toEqual([word, ...content]);
      const reds = sample.image?.data.filter((_, byte) => byte % 3 === 0) ?? [];
      expect([...reds]).toEqual([...tokenRow(token.completion, i)]);
    });
    policy.dispose();
  });

  it('re-scores each level to what was recorded, whole or in parts, and by the reference', async () => {
    const policy = tabularPolicy();
    const samplings: SamplingOptions[] = [
      { temperature: 0.8 },
      { guidance: { scale: 3 } },
      { topK: 4, topP: 0.9, recordKept: true, guidance: { scale: 2 } },
    ];
    const reference = freezeReference(policy);
    for (const sampling of samplings) {
      const { levels } = await biLevel(policy, {}, sampling)(request());
      for (const level of levels) {
        const recorded = level.behaviourLogProbs;
        expect(await levelLogProbs(level).data()).toBeAllclose(recorded);
        const part = await levelLogProbs(level, { begin: 3, end: 5 }).data();
        const { width } = level.completion;
        expect(part).toBeAllclose(recorded.slice(3 * width, 5 * width));
        const frozen = reference.run((own) => levelLogProbs(level, { policy: own }));
        expect(await frozen.data()).toBeAllclose(recorded);
      }
    }
    reference.dispose();
    policy.dispose();
  });

  it('scores the conditional branch where that is what trains', async () => {
    const policy = tabularPolicy();
    const guidance = { scale: 3, logProbs: 'conditional' } as const;
    const rollout = await biLevel(policy, {}, { guidance })(request());
    const level = levelOf(rollout, 'token');
    const unguided = { ...level, sampling: {} };
    const scored = await levelLogProbs(level).data();
    expect(scored).toEqual(await levelLogProbs(unguided).data());
    expect(scored).not.toBeAllclose(level.behaviourLogProbs, 1e-2);
    policy.dispose();
  });

  it('shares a plan between its images', async () => {
    const policy = tabularPolicy({ scale: 0.5 });
    const rollout = await biLevel(policy, { imagesPerPlan: 2 })(request());
    const semantic = levelOf(rollout, 'semantic');
    const token = levelOf(rollout, 'token');
    expect([semantic.completion.rows, semantic.contexts.length, semantic.samplesPerRow]).toEqual([4, 4, 2]);
    expect([token.completion.rows, token.contexts.length, token.samplesPerRow]).toEqual([8, 8, 1]);
    expect(rollout.samples.length).toBe(8);
    rollout.samples.forEach((sample, i) => {
      const row = Math.floor(i / 2);
      expect([...(sample.tokens.semantic as Int32Array)]).toEqual([...tokenRow(semantic.completion, row)]);
      expect(token.contexts[i]).toBe(token.contexts[row * 2]);
      expect(sample.image?.data[0]).toBe(token.completion.ids[i * IMAGE.length]);
    });
    // The plan is prepared once for both images: 2 prompts, then 4 plans.
    expect(policy.preparedContexts()).toBe(2 + 4);
    expect(await levelLogProbs(token).data()).toBeAllclose(token.behaviourLogProbs);
    // The first plans are those of one image per plan.
    const single = await biLevel(policy)(request());
    expect(rollout.samples[0]?.plan).toBe(single.samples[0]?.plan);
    policy.dispose();
  });

  it('leaks nothing', async () => {
    const policy = tabularPolicy();
    await expectNoLeak(async () => {
      const rollout = await biLevel(policy, {}, { guidance: { scale: 2 } })(request());
      for (const level of rollout.levels) levelLogProbs(level).dispose();
    });
    policy.dispose();
  });
});

describe('the randomness of a rollout', () => {
  it('repeats for a seed and step, and differs for others', async () => {
    const policy = tabularPolicy({ scale: 0.3 });
    const roll = biLevel(policy);
    const first = tokensOf(await roll(request()));
    expect(tokensOf(await roll(request()))).toEqual(first);
    expect(tokensOf(await roll(request({ seed: 1 })))).not.toEqual(first);
    expect(tokensOf(await roll(request({ step: 4 })))).not.toEqual(first);
    policy.dispose();
  });

  it('belongs to the prompt, not to its place in the batch; a larger group only adds samples', async () => {
    const policy = tabularPolicy({ scale: 0.3 });
    const roll = biLevel(policy);
    const both = tokensOf(await roll(request()));
    const second = { prompts: [{ word: 2 }], promptIds: ['second'] };
    expect(tokensOf(await roll(request(second)))).toEqual(both.slice(4));
    expect(tokensOf(await roll(request({ ...second, groupSize: 6 }))).slice(0, 4)).toEqual(both.slice(4));
    policy.dispose();
  });

  it('gives distinct samples of one prompt, also when the prompt is in the batch twice', async () => {
    const policy = tabularPolicy({ scale: 0.3 });
    const twice = { prompts: [{ word: 1 }, { word: 1 }], promptIds: ['same', 'same'], groupSize: 8 };
    const rollout = await biLevel(policy)(request(twice));
    const images = tokensOf(rollout).map(({ token }) => token.join());
    expect(new Set(images).size).toBe(16);
    policy.dispose();
  });

  it('is separate for each level', async () => {
    // Both levels see the same logits, so equal streams would give equal tokens.
    const policy = tabularPolicy({ scale: 0 });
    const rollout = await biLevel(policy, {
      semantic: { space: 'image', sampling: {}, context: () => context() },
      token: { space: 'image', sampling: {}, context: () => context() },
    })(request());
    for (const { semantic, token } of tokensOf(rollout)) expect(semantic).not.toEqual(token);
    policy.dispose();
  });
});

describe('oneLevelRollout', () => {
  it('samples groups in one space', async () => {
    const policy = tabularPolicy();
    const rollout = await oneLevelRollout<Prompt, TokenContext>({
      policy,
      space: 'image',
      sampling: {},
      context: ({ word }) => context(word),
    })(request());
    expect(rollout.levels.map(({ name }) => name)).toEqual(['token']);
    expect(rollout.samples.length).toBe(8);
    expect(rollout.samples[5]?.plan).toBeUndefined();
    expect(rollout.samples[5]?.image?.width).toBe(IMAGE.length);
    expect(policy.preparedContexts()).toBe(2);
    policy.dispose();
  });

  it('takes a name, and text as its space', async () => {
    const policy = tabularPolicy();
    const rollout = await oneLevelRollout<Prompt, TokenContext>({
      policy,
      name: 'answer',
      space: 'text',
      sampling: { maxTokens: 4 },
      context: ({ word }) => context(word),
    })(request());
    expect(Object.keys(rollout.samples[0]?.tokens ?? {})).toEqual(['answer']);
    expect(rollout.samples[0]?.image).toBeUndefined();
    policy.dispose();
  });
});

describe('a level with a policy of its own', () => {
  it('is sampled and scored by it', async () => {
    const policy = tabularPolicy();
    const planner = tabularPolicy({ seed: 9 });
    const options = { space: 'text', sampling: { maxTokens: 4 }, context: () => context(1) };
    const rollout = await biLevel(policy, { semantic: { ...options, policy: planner } })(request());
    expect(rollout.levels.map((level) => level.policy)).toEqual([planner, policy]);
    const level = levelOf(rollout, 'semantic');
    expect(await levelLogProbs(level).data()).toBeAllclose(level.behaviourLogProbs);
    expect(await levelLogProbs(level, { policy }).data()).not.toBeAllclose(level.behaviourLogProbs, 1e-2);
    policy.dispose();
    planner.dispose();
  });
});

describe('rollouts report', () => {
  const rejection = async (promise: Promise<unknown>) =>
    promise.then(
      () => {
        throw new Error('nothing was thrown');
      },
      (error: Error & { code: string }) => error,
    );

  it('progress by level', async () => {
    const policy = tabularPolicy();
    const seen: string[] = [];
    await biLevel(policy)(
      request({
        onProgress: ({ level, tokens, maxTokens, rows }) =>
          seen.push(`${level} ${tokens}/${maxTokens} ${rows}`),
      }),
    );
    expect(seen[0]).toBe('semantic 1/6 8');
    expect(seen.slice(-5)).toEqual([1, 2, 3, 4, 5].map((t) => `token ${t}/5 8`));
    policy.dispose();
  });

  it('aborts', async () => {
    const policy = tabularPolicy();
    const controller = new AbortController();
    const stop = request({
      signal: controller.signal,
      onProgress: ({ level }) => level === 'token' && controller.abort(),
    });
    expect((await rejection(biLevel(policy)(stop))).code).toBe('aborted');
    policy.dispose();
  });

  it('requests that make no sense', async () => {
    const policy = tabularPolicy();
    const code = async (more: Partial<RolloutRequest<Prompt>>, imagesPerPlan?: number) =>
      (await rejection(biLevel(policy, { imagesPerPlan })(request(more)))).code;
    expect(await code({ prompts: [], promptIds: [] })).toBe('empty-prompts');
    expect(await code({ groupSize: 0 })).toBe('group-size');
    expect(await code({ groupSize: 2.5 })).toBe('group-size');
    expect(await code({ promptIds: ['first'] })).toBe('shape');
    expect(await code({}, 3)).toBe('group-size');
    expect(() => oneLevelRollout({ policy, space: 'sound', sampling: {}, context: () => context() })).toThrow(
      /no token space 'sound'/,
    );
    policy.dispose();
  });

  it('truncated sampling that was not recorded, with the reason', async () => {
    const policy = tabularPolicy();
    const rollout = await biLevel(policy, {}, { topP: 0.9 })(request());
    const level = levelOf(rollout, 'token');
    expect(() => levelLogProbs(level)).toThrow(/topK 0, topP 0.9.*not recorded.*recordKept: true/s);
    expect(() => levelLogProbs({ ...level, sampling: { topK: IMAGE.size } })).not.toThrow();
    expect(() => levelLogProbs(levelOf(rollout, 'semantic'), { begin: 4, end: 9 })).toThrow(/it has 8 rows/);
    policy.dispose();
  });

  it('a decoder that returns the wrong number of images', async () => {
    const policy = tabularPolicy();
    const image = { kind: 'image' as const, ...IMAGE, decode: async () => [] };
    const broken = { ...policy, spaces: { ...policy.spaces, image } };
    const error = await rejection(biLevel(broken)(request()));
    expect(error.message).toMatch(/returned 0 images for 8 rows/);
    policy.dispose();
  });
});
