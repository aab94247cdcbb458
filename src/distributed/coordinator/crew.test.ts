import { expect, it } from 'vitest';
import { keysOf } from '../wire/keys.js';
import type { WorkerInfo } from '../wire/protocol.js';
import { crewOf } from './crew.js';

const keys = keysOf('crew');
const told: WorkerInfo = {
  ...{ id: 'a', host: 'h', pid: 1, device: 'wasm', backend: 'wasm', kinds: ['rollout'], bicot: '1' },
  ...{ config: 'mine', keeps: 1, draining: false, done: {}, speed: {} },
};

async function crew(workers: readonly WorkerInfo[]) {
  const written: Record<string, string> = {};
  const redis = {
    zrange: async () => workers.map(({ id }) => id),
    mget: async (names: string[]) =>
      names.map((name) => JSON.stringify(workers.find(({ id }) => keys.worker(id) === name))),
    hset: async (_: string, worker: string, reason: string) => Object.assign(written, { [worker]: reason }),
    expire: async () => 1,
  };
  const said: string[] = [];
  const made = crewOf({
    ...{ redis: redis as never, keys, run: { config: 'mine', ttl: 60 }, say: (line) => said.push(line) },
  });
  await made.look();
  return { made, said, written };
}

it('those work who have the configuration, do the kind, and are not about to leave', async () => {
  const { made } = await crew([
    told,
    { ...told, id: 'other configuration', config: 'theirs' },
    { ...told, id: 'other kind', kinds: ['reward'] },
    { ...told, id: 'draining', draining: true },
  ]);
  expect(made.all()).toHaveLength(4);
  expect(made.working('rollout').map(({ id }) => id)).toEqual(['a']);
  expect(made.working('gradient')).toEqual([]);
  expect([made.hasOthers('rollout', 'a'), made.hasOthers('rollout', 'b')]).toEqual([false, true]);
});

it('one that is dropped works no more, is told why, and is dropped once', async () => {
  const { made, said, written } = await crew([told, { ...told, id: 'b' }]);
  expect(await made.drop('a', 'it was wrong')).toBe(true);
  expect(await made.drop('a', 'it was wrong again')).toBe(false);
  expect(made.working('rollout').map(({ id }) => id)).toEqual(['b']);
  expect(written).toEqual({ a: 'it was wrong' });
  expect(said).toEqual(['distributed: dropped the worker a: it was wrong. Its jobs are done elsewhere.']);
});
