/** Rollouts on one backend and training on another, and which tasks are left to workers at all. */
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import {
  balanced,
  type Completions,
  clipped,
  type Objective,
  oneLevelRollout,
  type ParallelOptions,
  type Spawn,
  type StepMetrics,
  sampleCompletions,
  type TokenContext,
  type TrainOptions,
  train,
  uniformStream,
  type WorkerTask,
  withoutTiming,
  workerPool,
} from 'bicot';
import { exportWeights, type TransformerPolicy } from 'bicot/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawner } from '../src/parallel/thread.js';
import { evaluate } from '../src/train/evaluate.js';
import { BACKENDS, DEFAULT_BACKEND } from './support/backends.js';
import { localThread } from './support/local-thread.js';
import { parityReward, prompt, smallTask } from './support/small-task.js';
import { smallTransformer } from './support/small-transformer.js';
import { bundledEntry } from './support/worker-entry.js';

// Threads that load TensorFlow.js take their time on a busy machine.
const SLOW = 120_000;

/** A surrogate that workers could not make again. */
const { recipe: _, ...unsendable } = { ...clipped(), name: 'mine' };

function options(
  policy: TransformerPolicy,
  more: Partial<TrainOptions<number, TokenContext>> = {},
): TrainOptions<number, TokenContext> {
  return {
    ...smallTask(policy, { topP: 0.95, recordKept: true }),
    ...{ objective: balanced({ klWeight: 0.05, entropyWeight: 0.01 }), learningRate: 1e-3, ...more },
  };
}

/** Samples of a level of one step, without the objects that differ between runs. */
type Drawn = Pick<Completions, 'completion' | 'behaviourLogProbs' | 'entropy'>;

async function trained(more: Partial<TrainOptions<number, TokenContext>> = {}) {
  const policy = await smallTransformer();
  const metrics: StepMetrics[] = [];
  const drawn: Drawn[][] = [];
  const findings: unknown[] = [];
  const before = tf.memory().numTensors;
  for await (const step of train(options(policy, more))) {
    metrics.push(withoutTiming(step.metrics) as StepMetrics);
    drawn.push(
      step.rollout.levels.map(({ completion, behaviourLogProbs, entropy }) => ({
        ...{ completion, behaviourLogProbs, entropy },
      })),
    );
    findings.push(...step.findings);
  }
  const left = tf.memory().numTensors - before;
  const weights = await exportWeights(policy.variables);
  policy.dispose();
  return { metrics, drawn, findings, weights, left };
}

/** Threads that tell which kinds of tasks they got. */
function watched(spawn: Spawn): { readonly spawn: Spawn; readonly kinds: Set<string> } {
  const kinds = new Set<string>();
  return {
    kinds,
    spawn() {
      const thread = spawn();
      return {
        ...thread,
        post(message) {
          const { task } = message as { readonly task?: { readonly kind: string } };
          if (task) kinds.add(task.kind);
          thread.post(message);
        },
      };
    },
  };
}

/** Every number of something, by its path. */
function numbersIn(value: unknown, path = ''): [string, number][] {
  if (typeof value === 'number') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, part]) => numbersIn(part, `${path}.${key}`));
}

let entry: URL;
beforeAll(async () => {
  entry = await bundledEntry();
}, SLOW);

const mains = BACKENDS.filter((name) => name !== 'wasm');

describe.each(mains)('workers on wasm that sample for a training on %s', (main) => {
  beforeAll(async () => {
    await tf.setBackend(main);
    await tf.ready();
  });
  afterAll(async () => {
    await tf.setBackend(DEFAULT_BACKEND);
  });

  it(
    'draw what is drawn on wasm alone, to the bit, and give the metrics of a training on one backend',
    async () => {
      const { spawn, kinds } = watched(spawner(entry));
      const fleet: ParallelOptions = { workers: 2, backend: 'wasm', tasks: ['sample'], spawn };
      const mixed = await trained({ parallel: fleet });
      expect([...kinds]).toEqual(['sample']);
      expect(mixed.left).toBe(0);

      const alone = await trained();
      await tf.setBackend('wasm');
      const onWasm = await trained();
      await tf.setBackend(main);
      // Before the first update both have the same weights.
      expect(mixed.drawn[0]).toEqual(onWasm.drawn[0]);
      // And this thread's own samples have other last bits, or nothing was mixed.
      expect(alone.drawn[0]).not.toEqual(onWasm.drawn[0]);

      const expected = new Map(numbersIn(alone.metrics));
      const numbers = numbersIn(mixed.metrics);
      expect(numbers.length).toBe(expected.size);
      expect(numbers.length).toBeGreaterThan(100);
      for (const [path, value] of numbers) {
        const wanted = expected.get(path) as number;
        expect(Math.abs(value - wanted), `${path}: ${value}, alone ${wanted}`).toBeLessThanOrEqual(
          1e-4 * Math.max(1, Math.abs(wanted)),
        );
      }
      // The ratio holds what the backends differ by, which is what it is for, and nobody takes it for a fault.
      for (const { levels } of mixed.metrics) {
        for (const { maxRatioDeviation } of Object.values(levels)) {
          expect(maxRatioDeviation).toBeGreaterThan(0);
          expect(maxRatioDeviation).toBeLessThan(1e-5);
        }
      }
      expect(mixed.findings).toEqual(alone.findings);
    },
    SLOW,
  );

  it(
    'see the weights of the moment, copied from the backend that trains',
    async () => {
      const policy = await smallTransformer();
      const pool = await workerPool(policy, { workers: 1, backend: 'wasm', entry });
      const request = {
        contexts: [prompt(5), prompt(6)],
        samplesPerContext: 3,
        ...{ space: 'text', sampling: { maxTokens: 8, temperature: 8 } },
        streams: (row: number) => uniformStream('fleet', row),
      };
      for (const factor of [1, 1.25]) {
        tf.tidy(() => policy.variables.textHead?.assign(tf.mul(policy.variables.textHead, factor)));
        const theirs = await pool.sample(policy, request);
        await tf.setBackend('wasm');
        const copy = await smallTransformer();
        tf.tidy(() => copy.variables.textHead?.assign(tf.mul(copy.variables.textHead, factor)));
        expect(theirs).toEqual(await sampleCompletions(copy, request));
        copy.dispose();
        await tf.setBackend(main);
      }
      await pool.dispose();
      policy.dispose();
    },
    SLOW,
  );

  it(
    'sample for an evaluation, and score and differentiate where they are asked to',
    async () => {
      const policy = await smallTransformer();
      const evaluation = {
        ...{ reward: parityReward, prompts: [4, 5, 6], samplesPerPrompt: 2 },
        rollout: oneLevelRollout<number, TokenContext>({
          ...{ policy, space: 'image', sampling: {}, context: (word) => prompt(word) },
        }),
      };
      const here = await evaluate(evaluation);
      const parallel = { policy, workers: 2, backend: 'wasm', entry };
      const there = await evaluate({ ...evaluation, parallel });
      expect(there).toEqual({ ...here, seconds: expect.any(Number) });
      policy.dispose();

      const { spawn, kinds } = watched(spawner(entry));
      const tasks: WorkerTask[] = ['score', 'gradients'];
      const theirs = await trained({ parallel: { workers: 2, backend: 'wasm', tasks, spawn } });
      expect([...kinds].sort()).toEqual(['gradients', 'score']);
      const ours = await trained();
      expect(theirs.drawn[0]).toEqual(ours.drawn[0]);
      const norms = ({ metrics }: typeof ours) => metrics.map(({ gradNorm }) => gradNorm);
      expect(norms(theirs)).toBeAllclose(norms(ours), 1e-4);
      expect(norms(theirs)).not.toEqual(norms(ours));
    },
    SLOW,
  );
});

describe('tasks', () => {
  it.each<[WorkerTask[]]>([[['sample']], [['score']], [['gradients']], [['gradients', 'sample']]])(
    '%j are what workers do, and the numbers are the same',
    async (tasks) => {
      const more = { steps: 2, microBatch: 16 };
      const { spawn, kinds } = watched(localThread);
      const shared = await trained({ ...more, parallel: { workers: 2, tasks, spawn } });
      // Rows that no term weighs are scored by whoever makes the update.
      if (tasks.includes('gradients') && !tasks.includes('score')) kinds.delete('score');
      expect([...kinds].sort()).toEqual([...tasks].sort());
      // What a replica holds stays in this thread.
      expect({ ...shared, left: 0 }).toEqual(await trained(more));
    },
  );

  it('that are not gradients need no recipe of a surrogate', async () => {
    const objective: Objective = balanced({ klWeight: 0, surrogate: unsendable });
    const parallel: ParallelOptions = { workers: 1, spawn: localThread };
    await expect(trained({ objective, parallel })).rejects.toThrow(/surrogate 'mine'.*no recipe/);
    const made = await trained({ objective, steps: 1, parallel: { ...parallel, tasks: ['sample'] } });
    expect(made.metrics[0]?.gradNorm).toBeGreaterThan(0);
  });

  it('are refused if there are none, or none of that name', async () => {
    const policy = await smallTransformer();
    const refused = (tasks: unknown) =>
      workerPool(policy, { workers: 1, spawn: localThread, tasks: tasks as WorkerTask[] }).catch((e) => e);
    for (const tasks of [[], ['rollout'], ['sample', 'train'], 'sample', {}]) {
      expect(await refused(tasks)).toMatchObject({
        code: 'value',
        message: expect.stringMatching(/tasks is .*at least one of 'sample', 'score', 'gradients'/),
      });
    }
    const parallel = { workers: 1, tasks: [] };
    expect(() => train(options(policy, { parallel }))).toThrow(/tasks is \[\]/);

    const evaluation = {
      ...{ reward: parityReward, prompts: [4] },
      rollout: oneLevelRollout<number, TokenContext>({
        ...{ policy, space: 'image', sampling: {}, context: (word) => prompt(word) },
      }),
    };
    const idle: ParallelOptions = { workers: 1, spawn: localThread, tasks: ['gradients'] };
    const pool = await workerPool(policy, idle);
    expect(pool.tasks).toEqual(['gradients']);
    for (const useless of [{ ...idle, policy }, pool]) {
      await expect(evaluate({ ...evaluation, parallel: useless })).rejects.toThrow(
        /only samples.*Add 'sample'/,
      );
    }
    await pool.dispose();
    policy.dispose();
  });
});

describe('a backend that does not start in a worker', () => {
  const isInstalled = (pkg: string): boolean => {
    try {
      return createRequire(import.meta.url).resolve(pkg) !== '';
    } catch {
      return false;
    }
  };
  it.each([
    ['webgpu', /'webgpu' needs the packages webgpu and /],
    [
      'tensorflow',
      /could not start 'tensorflow'.*'node-gpu' needs.*'node' needs the package @tensorflow\/tfjs-node,.*parallel\.backend/s,
    ],
    ['cuda', /Unknown backend 'cuda'. Choose one of/],
  ])(
    '%s is refused in words',
    async (backend, words) => {
      if (isInstalled(backend === 'tensorflow' ? '@tensorflow/tfjs-node' : backend)) return;
      const policy = await smallTransformer();
      const start = workerPool(policy, { workers: 2, backend, entry });
      await expect(start).rejects.toMatchObject({ code: 'backend', message: expect.stringMatching(words) });
      const steps = train(options(policy, { parallel: { workers: 1, backend, entry, tasks: ['sample'] } }));
      await expect(steps.next()).rejects.toMatchObject({ code: 'backend' });
      policy.dispose();
    },
    SLOW,
  );
});
