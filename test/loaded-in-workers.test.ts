/** Models from checkpoints in workers, which load the same files: the same bits as in one thread. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import {
  biLevelRollout,
  grpo,
  isBicotError,
  levelBatches,
  oneLevelRollout,
  type Policy,
  type Rollout,
  type RolloutRequest,
  score,
  type TokenContext,
  train,
  type WorkerPool,
  workerPool,
} from 'bicot';
import { type JanusModel, type LoadJanusOptions, loadJanus, openFolder } from 'bicot/models/janus';
import {
  type LlamaGenContext,
  type LlamaGenModel,
  type LoadLlamaGenOptions,
  loadLlamaGen,
} from 'bicot/models/llamagen';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../src/models/safetensors.js';
import { gradientPass } from '../src/train/pass.js';
import { llamaGenFile, tinyTokenizerTensors } from './support/tiny-llamagen.js';
import { bundledEntry } from './support/worker-entry.js';

// Threads that load TensorFlow.js and a checkpoint take their time on a busy machine.
const SLOW = 120_000;

const janusAt = (path: string): string => fileURLToPath(new URL(`fixtures/janus/${path}`, import.meta.url));

let entry: URL;
beforeAll(async () => {
  entry = await bundledEntry();
}, SLOW);

/** Changes what is trained, so that workers with the files' own weights would show. */
function disturb(policy: Pick<Policy, 'variables'>): void {
  for (const [i, variable] of Object.values(policy.variables).entries()) {
    tf.tidy(() =>
      variable.assign(tf.add(variable, tf.mul(0.05, tf.randomUniform(variable.shape, -1, 1, 'float32', i)))),
    );
  }
}

type Make<C> = (request: RolloutRequest<number>) => Promise<Rollout<number, C>>;

/** Samples and gradients of two workers, and of this thread. */
async function expectSameBits<C>(policy: Policy<C>, rollout: Make<C>): Promise<void> {
  const pool = await workerPool(policy, { workers: 2, entry });
  const request = { prompts: [0, 1], promptIds: [0, 1], groupSize: 3, step: 0, seed: 5 };
  const here = await rollout(request);
  const there = await rollout({ ...request, sample: pool.sample });
  expect(there).toEqual(here);
  const batches = levelBatches(policy, here, Float32Array.of(1, -1, 0.5, -0.5, 2, -2), grpo({ klWeight: 0 }));
  for (const batch of batches) await expectSameGradients(pool, policy, batch);
  await pool.dispose();
}

async function expectSameGradients<C>(
  pool: WorkerPool<C>,
  policy: Policy<C>,
  batch: ReturnType<typeof levelBatches<number, C>>[0],
): Promise<void> {
  const theirs = await pool.gradients(batch);
  const ours = await gradientPass(batch, policy.variables);
  expect(theirs).toMatchObject({ loss: ours.loss, logProbs: ours.logProbs });
  expect(Object.keys(theirs.gradients)).toEqual(Object.keys(ours.gradients));
  expect(Object.keys(ours.gradients).length).toBeGreaterThan(0);
  for (const [name, gradient] of Object.entries(ours.gradients)) {
    expect(theirs.gradients[name], name).toEqual(await gradient.data());
  }
  tf.dispose(ours.gradients as tf.NamedTensorMap);
}

const context = (ids: readonly number[]): TokenContext => ({ ids: Int32Array.from(ids) });

const janusRollout = (policy: JanusModel) =>
  biLevelRollout<number, TokenContext>({
    policy,
    semantic: {
      ...{ space: 'text', sampling: { maxTokens: 4 } },
      context: (word) => context([1, 17, 42, 30 + word]),
    },
    token: {
      ...{ space: 'image', sampling: { guidance: { scale: 2, logProbs: 'conditional' } } },
      context: (word, plan) => context([1, 30 + word, ...plan.ids, 4]),
    },
  });

describe('a Janus from a checkpoint', () => {
  const lora = { rank: 2, targets: /.*(q_proj|up_proj)/, seed: 3 };
  it.each<[string, LoadJanusOptions]>([
    ['all of it trained', { checkpointing: 1, maxTensorBytes: 100 * 32 * 4 }],
    ['new adapters', { lora }],
    ['saved adapters', { adapters: janusAt('peft/original-patterns') }],
  ])(
    'is what workers load: %s',
    async (_, options) => {
      const policy = await loadJanus(janusAt('hf'), {
        ...options,
        // Neither of these can be posted, and workers need neither.
        ...{ onProgress() {}, memory: { limitBytes: 1e9, print() {} }, signal: new AbortController().signal },
      });
      disturb(policy);
      await expectSameBits(policy, janusRollout(policy));
      policy.dispose();
    },
    SLOW,
  );

  it('has no recipe if it comes from a folder object, and the error says so', async () => {
    const folder = await loadJanus(openFolder(janusAt('bin')), { frozen: true });
    const adapters = openFolder(janusAt('peft/original'));
    const adapted = await loadJanus(janusAt('bin'), { adapters });
    for (const policy of [folder, adapted]) {
      const error = await workerPool(policy, { workers: 1, entry }).catch((reason) => reason);
      expect(isBicotError(error, 'unsupported')).toBe(true);
      expect(error.message).toMatch(
        /loaded has one if its folder, and that of its adapters, was given as a path/,
      );
      policy.dispose();
    }
  });

  it(
    'that is gone when workers look for it is told of in words',
    async () => {
      const policy = await loadJanus(janusAt('bin'), { frozen: true });
      const moved = { ...policy, recipe: { name: 'loadJanus', args: ['/nowhere/at/all', {}] } };
      const error = await workerPool(moved, { workers: 2, entry }).catch((reason) => reason);
      expect(isBicotError(error, 'checkpoint')).toBe(true);
      expect(error.message).toMatch(/nowhere\/at\/all\/config\.json: it does not exist/);
      policy.dispose();
    },
    SLOW,
  );
});

describe('a LlamaGen from a checkpoint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-llamagen-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeAll(() => {
    writeFileSync(join(folder, 'drawer.pt'), llamaGenFile('class.pt'));
    // Without a name that says what it is, which workers must not take for the transformer.
    writeFileSync(join(folder, 'codec.safetensors'), encodeSafetensors(tinyTokenizerTensors()));
  });

  const rolloutOf = (policy: LlamaGenModel) =>
    oneLevelRollout<number, LlamaGenContext>({
      ...{ policy, space: 'image', sampling: { guidance: { scale: 2 } } },
      context: (label) => ({ label }),
    });

  it.each<[string, LoadLlamaGenOptions]>([
    ['all of it trained', {}],
    ['new adapters', { lora: { rank: 2, seed: 1 } }],
  ])(
    'is what workers load, without its image tokenizer: %s',
    async (_, options) => {
      const files = { transformer: 'drawer.pt', tokenizer: 'codec.safetensors' };
      const policy = await loadLlamaGen(folder, { heads: 4, grid: 4, ...files, ...options });
      expect(policy.recipe?.args[1]).toMatchObject({ tokenizer: false, grid: 4 });
      disturb(policy);
      await expectSameBits(policy, rolloutOf(policy));
      policy.dispose();
    },
    SLOW,
  );

  it(
    'trains in workers to the same weights, with a reference',
    async () => {
      const trained = async (parallel?: { workers: number; entry: URL }) => {
        const policy = await loadLlamaGen(folder, {
          ...{ heads: 4, grid: 4, transformer: 'drawer.pt', tokenizer: false, lora: { rank: 2 } },
        });
        const norms: number[] = [];
        const steps = train({
          ...{
            policy,
            rollout: rolloutOf(policy),
            prompts: [1, 2],
            steps: 2,
            groupSize: 3,
            promptsPerStep: 2,
          },
          ...{ learningRate: 1e-2, objective: grpo({ klWeight: 0.1 }), parallel },
          reward: async (samples) => samples.map(({ tokens }) => score(tokens.token?.[0] ?? 0)),
        });
        for await (const { metrics } of steps) norms.push(metrics.gradNorm, metrics.levels.token?.kl ?? 0);
        policy.dispose();
        return norms;
      };
      const alone = await trained();
      expect(alone.at(-1)).toBeGreaterThan(0);
      expect(await trained({ workers: 2, entry })).toEqual(alone);
    },
    SLOW,
  );
});
