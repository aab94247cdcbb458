import { beforeEach, describe, expect, it } from 'vitest';
import { encode } from '../wire/codec.js';
import { keysOf } from '../wire/keys.js';
import { pack } from '../wire/packed.js';
import { type JobAnswer, jobIdOf, type RunInfo } from '../wire/protocol.js';
import { type Court, judge } from './verdict.js';
import { type Work, workOf } from './work.js';

const keys = keysOf('court');
const run = { config: '0'.repeat(64), maxBytes: 2 ** 20 } as RunInfo;
const redis = new Map<string, Uint8Array>();
const court = (others: readonly string[] = []): Court => ({
  ...{ keys, maxBytes: run.maxBytes, stored: async (key) => redis.get(key) ?? null },
  hasOthers: (worker) => others.some((one) => one !== worker),
});
let work: Work;
beforeEach(async () => {
  redis.clear();
  work = await workOf({ task: 'score', payload: { level: 1 }, units: 2 }, run);
  work.attempt = 2;
});

/** What a worker says that left log-probs. */
async function done(worker: string, logProbs: readonly number[]): Promise<JobAnswer & { kind: 'done' }> {
  const { stored, ...result } = await pack(encode({ logProbs: Float32Array.from(logProbs) }), {
    ...{ most: run.maxBytes, what: 'a result' },
  });
  const key = keys.result(jobIdOf(work.id, 1), worker);
  redis.set(key, stored);
  return { kind: 'done', worker, seconds: 1, result, key };
}
const failed = (worker: string): JobAnswer => ({
  ...{ kind: 'failed', worker, seconds: 1 },
  error: { name: 'RangeError', message: 'no such token' },
});

describe('judge', () => {
  it('counts a result that is whole', async () => {
    const answer = await done('a', [-1, -2]);
    const verdict = await judge(work, answer, court());
    expect(verdict).toEqual({
      ...{ kind: 'counts', key: answer.key, value: { logProbs: Float32Array.of(-1, -2) } },
    });
  });

  it('looks only where a worker may leave results of the task', async () => {
    const answer = await done('a', [-1]);
    const lost = { kind: 'again', why: 'result lost' };
    for (const key of [
      keys.result(jobIdOf(work.id, 2), 'a'), // was never given out
      keys.result(jobIdOf(work.id, 1), 'b'), // of another worker
      keys.payload(work.id),
    ]) {
      redis.set(key, redis.get(answer.key) as Uint8Array);
      expect(await judge(work, { ...answer, key }, court())).toEqual(lost);
    }
    redis.delete(answer.key);
    expect(await judge(work, answer, court())).toEqual(lost);
  });

  it('drops the worker of a result that is damaged, of another task, or a job that it refuses', async () => {
    const answer = await done('a', [-1]);
    const sha256 = '0'.repeat(64);
    expect(await judge(work, { ...answer, result: { ...answer.result, sha256 } }, court())).toMatchObject({
      ...{ kind: 'again', why: 'damaged result' },
      drop: { worker: 'a', reason: expect.stringMatching(/^a result is damaged: its checksum/) },
    });
    expect(await judge({ ...work, task: 'reward' }, answer, court())).toMatchObject({
      drop: { worker: 'a', reason: expect.stringMatching(/^the result of 'reward' makes no sense/) },
    });
    expect(
      await judge(work, { kind: 'refused', worker: 'b', seconds: 0, reason: 'no such kind' }, court()),
    ).toEqual({
      ...{ kind: 'again', why: 'refused' },
      drop: { worker: 'b', reason: 'it refused a job: no such kind' },
    });
  });

  it('blames nobody for what Redis lost', async () => {
    expect(await judge(work, { kind: 'lost', worker: 'a', seconds: 0, reason: '' }, court())).toEqual({
      ...{ kind: 'again', why: 'payload or weights lost', weightsLost: true },
    });
  });

  it('drops the worker of numbers that are not finite once another gave finite ones', async () => {
    const both = court(['a', 'b']);
    expect(await judge(work, await done('a', [Number.NaN]), both)).toEqual({
      ...{ kind: 'again', why: 'not finite: log-probs' },
    });
    expect(await judge(work, await done('b', [-1]), both)).toMatchObject({
      kind: 'counts',
      drop: { worker: 'a', reason: expect.stringMatching(/not finite where another worker gave finite/) },
    });
  });

  it('drops nobody where a worker was wrong once, or two agree that the weights are at fault', async () => {
    const both = court(['a', 'b']);
    await judge(work, await done('a', [Number.NaN]), both);
    const healed = await judge(work, await done('a', [-1]), both);
    expect(healed.kind).toBe('counts');
    expect(healed.drop).toBeUndefined();
    const agreed = await judge(work, await done('b', [Number.NaN]), both);
    expect(agreed.kind).toBe('counts');
    expect(agreed.drop).toBeUndefined();
  });

  it('believes what a task throws on two workers', async () => {
    const both = court(['a', 'b']);
    expect(await judge(work, failed('a'), both)).toEqual({ kind: 'again', why: 'failed' });
    expect(await judge(work, failed('b'), both)).toMatchObject({
      ...{ kind: 'throws', error: { name: 'RangeError', message: 'no such token' } },
    });
  });

  it.each([
    ['where no other is there: twice', [], 2],
    ['where others are there that never take it: five times', ['a', 'b'], 5],
  ])('believes what it throws on one worker, %s', async (_, others, times) => {
    for (let time = 1; time <= times; time++) {
      const { kind } = await judge(work, failed('a'), court(others));
      expect(kind).toBe(time < times ? 'again' : 'throws');
    }
  });
});
