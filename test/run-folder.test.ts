/** A real run that writes its folder, ends in the middle and goes on: nothing of it can tell. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  biLevelRollout,
  rewardEnsemble,
  type StepMetrics,
  type TokenContext,
  t2iR1,
  train,
  withoutTiming,
} from 'bicot';
import { createTransformer } from 'bicot/models';
import { runFolder } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  aestheticReward,
  config,
  drawContext,
  judge,
  lengthReward,
  planContext,
  prompts,
} from './support/readme.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-run-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Trains up to a step, from the newest checkpoint if there is one. */
async function run(path: string, steps: number, tracking = true): Promise<void> {
  const policy = createTransformer(config, {
    seed: 1,
    imageTokenizer: {
      decode: async ({ ids, rows }) =>
        Array.from({ length: rows }, (_, row) => ({
          ...{ width: 3, height: 3 },
          data: Uint8Array.from(
            { length: 27 },
            (_, at) => 16 * (ids[9 * row + Math.floor(at / 3)] as number),
          ),
        })),
    },
  });
  const rollout = biLevelRollout<string, TokenContext>({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 6 }, context: planContext },
    token: { space: 'image', sampling: {}, context: drawContext },
  });
  const reward = rewardEnsemble<string>({
    length: lengthReward,
    aesthetic: aestheticReward,
    judge: { reward: judge, monitor: true },
  });
  const { loggers, checkpoints } = await runFolder<string, TokenContext>(path, {
    config: { seed: 0 },
    pictures: { every: 2 },
    ...(tracking && { tracked: { every: 3, prompts: prompts.slice(0, 1), rollout, reward } }),
    tensorBoard: { images: 2 },
  });
  for await (const _ of train({
    ...{ policy, rollout, reward, prompts, steps, groupSize: 4, objective: t2iR1(), learningRate: 1e-2 },
    ...{ loggers, checkpoints: { folder: checkpoints, every: 2 }, resume: 'auto' },
  })) {
    // Everything is logged.
  }
  policy.dispose();
}

const metricsOf = async (path: string): Promise<unknown[]> =>
  (await readFile(join(path, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => withoutTiming(JSON.parse(line) as StepMetrics));

async function picturesOf(path: string): Promise<Record<string, Buffer>> {
  const names = await readdir(join(path, 'pictures'));
  const files = ['pictures.jsonl', ...names.sort().map((name) => `pictures/${name}`)];
  return Object.fromEntries(
    await Promise.all(files.map(async (name) => [name, await readFile(join(path, name))] as const)),
  );
}

describe('a run that is begun again', () => {
  it('leaves the folder that an undisturbed one leaves', async () => {
    const [whole, parts, untracked] = ['whole', 'parts', 'untracked'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await run(whole, 6);
    for (const steps of [1, 4, 6]) await run(parts, steps);
    const metrics = await metricsOf(whole);
    expect(metrics.map((record) => (record as StepMetrics).step)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await metricsOf(parts)).toEqual(metrics);
    const pictures = await picturesOf(whole);
    // Two groups of four in three steps, and a tracked picture in two.
    expect(Object.keys(pictures)).toHaveLength(1 + 3 * 2 * 4 + 2);
    expect(await picturesOf(parts)).toEqual(pictures);

    // Pictures that are drawn between the steps change nothing about the steps.
    await run(untracked, 6, false);
    expect(await metricsOf(untracked)).toEqual(metrics);
  });
});
