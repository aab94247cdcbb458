import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../test/support/backends.js';
import { localThread } from '../../test/support/local-thread.js';
import { END, IMAGE, smallTransformer } from '../../test/support/small-transformer.js';
import { tabularPolicy } from '../../test/support/tabular-policy.js';
import type { TransformerPolicy } from '../models/transformer/transformer.js';
import { grpo } from '../objective/presets.js';
import { clipped } from '../objective/surrogates/clipped.js';
import type { TokenContext } from '../policy/policy.js';
import { freezeReference, policyReference } from '../policy/reference.js';
import { biLevelRollout } from '../rollout/bi-level.js';
import { levelLogProbs } from '../rollout/level-log-probs.js';
import { type SampleRequest, sampleCompletions } from '../sampling/sampler.js';
import { uniformStream } from '../tensor/noise.js';
import { type LevelBatch, levelBatches } from '../train/levels.js';
import { gradientPass } from '../train/pass.js';
import type { ParallelOptions } from './options.js';
import { isWorkerPool, workerPool } from './pool.js';

const local: ParallelOptions = { workers: 2, rowsPerTask: 4, spawn: localThread };
const prompt = (...words: number[]): TokenContext => ({ ids: Int32Array.of(1, ...words, IMAGE) });

const request = (more: Partial<SampleRequest<TokenContext>> = {}): SampleRequest<TokenContext> => ({
  contexts: [prompt(5), prompt(6), prompt(7), prompt(8), prompt(9)],
  samplesPerContext: 3,
  space: 'text',
  sampling: { maxTokens: 12, temperature: 8, topP: 0.95, recordKept: true, guidance: { scale: 1.5 } },
  streams: (row) => uniformStream('pool', row),
  ...more,
});

async function batchesOf(policy: TransformerPolicy): Promise<LevelBatch<TokenContext>[]> {
  const rollout = biLevelRollout<number, TokenContext>({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 5, temperature: 8 }, context: (word) => prompt(word) },
    token: {
      space: 'image',
      sampling: { guidance: { scale: 2 } },
      context: (word, plan) => prompt(word, ...plan.ids),
    },
    imagesPerPlan: 2,
  });
  const made = await rollout({ prompts: [5, 6], promptIds: [5, 6], groupSize: 4, step: 0, seed: 1 });
  const advantages = Float32Array.of(1, -1, 0.5, -0.5, 2, 0, -1, -1);
  return levelBatches(policy, made, advantages, grpo({ klWeight: 0, surrogate: clipped() }));
}

describeOnBackends('a pool', () => {
  it('samples in chunks what is sampled at once, where contexts have one length', async () => {
    const policy = await smallTransformer();
    const pool = await workerPool(policy, local);
    const seen: number[] = [];
    const onProgress = ({ tokens, rows }: { tokens: number; rows: number }): void => {
      seen.push(tokens);
      expect(rows).toBe(15);
    };
    const sampled = await pool.sample(policy, request({ onProgress }));
    expect(sampled).toEqual(await sampleCompletions(policy, request()));
    expect(new Set(sampled.completion.lengths).size).toBeGreaterThan(2);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBeGreaterThan(0);
    await pool.dispose();
    policy.dispose();
  });

  it('scores and differentiates as this thread does, with the weights of the moment and those of a reference', async () => {
    const policy = await smallTransformer();
    const pool = await workerPool(policy, local);
    const reference = freezeReference(policy);
    const batches = await batchesOf(policy);
    const here = async (logProbs: tf.Tensor2D) => {
      const values = await logProbs.data();
      logProbs.dispose();
      return values;
    };
    for (let round = 0; round < 2; round++) {
      for (const batch of batches) {
        const { level } = batch;
        expect(await pool.score(level)).toEqual(await here(levelLogProbs(level)));
        const frozen = reference.run((own) => levelLogProbs(level, { policy: own }));
        expect(await pool.score(level, { reference })).toEqual(await here(frozen));
        const theirs = await pool.gradients(batch);
        const ours = await gradientPass(batch, policy.variables);
        expect(theirs).toMatchObject({ loss: ours.loss, logProbs: ours.logProbs });
        expect(Object.keys(theirs.gradients)).toEqual(Object.keys(ours.gradients));
        for (const [name, gradient] of Object.entries(ours.gradients)) {
          expect(theirs.gradients[name], name).toEqual(await gradient.data());
        }
        tf.dispose(ours.gradients as tf.NamedTensorMap);
      }
      const change = policy.variables.textHead as tf.Variable;
      tf.tidy(() => change.assign(tf.mul(change, 1.1)));
      // The reference follows in the second round.
      if (round === 0) reference.sync(0.5);
    }
    reference.dispose();
    await pool.dispose();
    policy.dispose();
  });
});

describe('a pool', () => {
  it('samples other policies in this thread, and neither scores nor trains them', async () => {
    const policy = await smallTransformer();
    const other = await smallTransformer();
    const pool = await workerPool(policy, local);
    expect(await pool.sample(other, request())).toEqual(await sampleCompletions(other, request()));
    const [batch] = await batchesOf(other);
    const theirs = batch as LevelBatch<TokenContext>;
    await expect(pool.score(theirs.level)).rejects.toMatchObject({ code: 'unsupported' });
    await expect(pool.gradients(theirs)).rejects.toThrow(/gradients: the level is of another policy/);
    const own = { ...theirs.level, policy };
    await expect(pool.score(own, { reference: policyReference(other) })).rejects.toThrow(
      /the reference is of/,
    );
    await pool.dispose();
    for (const one of [policy, other]) one.dispose();
  });

  it('says what a policy, a surrogate, a context and the options lack', async () => {
    const policy = await smallTransformer();
    const refused = (options: unknown, of = policy) =>
      workerPool(of, options as ParallelOptions).catch((error) => error);
    // A spread copy may have other methods, so it does not have the recipe.
    expect(await refused(local, { ...policy })).toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/the policy.*has no recipe.*recipe: \{ module: import\.meta\.url/s),
    });
    const recipe = { name: 'transformer' } as never;
    expect(await refused(local, { ...policy, recipe })).toMatchObject({ code: 'value' });
    expect(await refused({ workers: 0 })).toMatchObject({ code: 'value' });
    expect(await refused({ workers: 1, rowsPerTask: 1.5 })).toMatchObject({ code: 'value' });
    expect(await refused({ workers: 1, rows: 2 })).toMatchObject({
      message: expect.stringMatching(/no option 'rows'/),
    });

    const pool = await workerPool(policy, local);
    expect([isWorkerPool(pool), isWorkerPool(local)]).toEqual([true, false]);
    const [batch] = await batchesOf(policy);
    const own = batch as LevelBatch<TokenContext>;
    const loss = { ...own.loss, surrogate: { ...clipped(), name: 'mine' } };
    await expect(pool.gradients({ ...own, loss })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/the surrogate 'mine'.*no recipe/),
    });
    const tensor = tf.tensor1d([1]);
    const held = [{ ...prompt(5), tensor }] as unknown as TokenContext[];
    await expect(pool.sample(policy, request({ contexts: held }))).rejects.toThrow(
      /a context holds a tensor/,
    );
    const functions = [{ ...prompt(5), f: () => 1 }] as unknown as TokenContext[];
    await expect(pool.sample(policy, request({ contexts: functions }))).rejects.toThrow(
      /could not be cloned/,
    );
    tensor.dispose();
    await pool.dispose();
    policy.dispose();
  });

  it('says what is wrong with a recipe', async () => {
    const policy = tabularPolicy();
    const failure = (recipe: object) =>
      workerPool({ ...policy, recipe: recipe as never }, local).catch((error) => error);
    expect(await failure({ name: 'sorcery', args: [] })).toMatchObject({
      code: 'value',
      message: expect.stringMatching(/'sorcery', but bicot has transformer, clipped/),
    });
    expect(await failure({ module: 'file:///no/such.js', name: 'x', args: [] })).toMatchObject({
      code: 'value',
      message: expect.stringMatching(/no\/such\.js of a recipe could not be loaded/),
    });
    const config = { textVocabulary: 4, imageVocabulary: 4, imageLength: 1, endToken: END, specialTokens: 1 };
    const args = [{ ...config, width: 4, layers: 1, heads: 1, hidden: 1 }];
    expect(await failure({ name: 'transformer', args })).toMatchObject({
      code: 'value',
      message: expect.stringMatching(
        /makes another one: its variables lack.*image\/bias \[8, 9\].*finalNorm \[4\]/,
      ),
    });
    expect(await failure({ name: 'clipped', args: [{ low: -1, high: 2 }] })).toMatchObject({
      code: 'value',
      message: expect.stringMatching(/^clipped/),
      cause: { message: expect.stringMatching(/^in a worker: clipped/) },
    });
    policy.dispose();
  });

  it('is abortable and usable afterwards; bad requests are refused before anything is posted', async () => {
    const policy = await smallTransformer();
    const pool = await workerPool(policy, local);
    await expect(pool.sample(policy, request({ signal: AbortSignal.abort() }))).rejects.toMatchObject({
      code: 'aborted',
    });
    const abort = new AbortController();
    const aborting = request({ signal: abort.signal, onProgress: () => abort.abort('enough') });
    await expect(pool.sample(policy, aborting)).rejects.toMatchObject({ code: 'aborted', cause: 'enough' });
    await expect(pool.sample(policy, request({ sampling: {} }))).rejects.toThrow(/maxTokens is missing/);
    expect((await pool.sample(policy, request())).completion.rows).toBe(15);
    await pool.dispose();
    await expect(pool.sample(policy, request())).rejects.toMatchObject({ code: 'worker' });
    policy.dispose();
  });
});
