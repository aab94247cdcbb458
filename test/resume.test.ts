import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { type CheckpointOptions, type TokenContext, type TrainOptions, train, withoutTiming } from 'bicot';
import { type EditableFolder, memoryFolder } from 'bicot/models';
import { describe, expect, it, vi } from 'vitest';
import { uniformStream } from '../src/tensor/noise.js';
import { adaptersRun, type ResumableRun, wholeModelRun } from './support/resumable-runs.js';

const STEPS = 6;

/** What a run leaves behind: records of steps, findings, weights, averages; all as bytes. */
interface Outcome {
  readonly records: string[];
  readonly weights: Record<string, Uint8Array>;
  readonly average: Record<string, Uint8Array>;
}

const bytesOf = async (tensors: Readonly<Record<string, tf.Tensor>>): Promise<Record<string, Uint8Array>> => {
  const bytes: Record<string, Uint8Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    bytes[name] = new Uint8Array(Float32Array.from(await tensor.data()).buffer);
  }
  return bytes;
};

/** Makes a run, or goes on with it, until so many steps were made in all. */
async function make<P, C>(
  run: ResumableRun<P, C>,
  more: Partial<TrainOptions<P, C>>,
  until = STEPS,
): Promise<Outcome> {
  const options = await run.begin();
  const records: string[] = [];
  let average: Record<string, Uint8Array> = {};
  for await (const { metrics, findings, ema } of train<P, C>({ ...options, ...more })) {
    records.push(JSON.stringify({ ...withoutTiming(metrics), findings }));
    average = await bytesOf(ema?.weights ?? {});
    if (metrics.step + 1 === until) break;
  }
  const weights = await bytesOf(options.policy.variables);
  options.optimizer?.dispose();
  options.policy.dispose();
  return { records, weights, average };
}

function resumes<P, C>(name: string, run: ResumableRun<P, C>, stops: number): void {
  describe(name, { timeout: 300_000 }, () => {
    it('goes on bit for bit as if it had never stopped, wherever it was stopped', async () => {
      const whole = await make(run, {});
      expect(whole.records).toHaveLength(STEPS);
      expect(new Set(whole.records.map((record) => JSON.parse(record).levels.token.klWeight)).size).toBe(
        STEPS,
      );
      const random = uniformStream('stops', name);
      for (let i = 0; i < stops; i++) {
        const stop = 1 + Math.floor(random() * (STEPS - 1));
        const checkpoints = { folder: memoryFolder(), every: 1 + Math.floor(random() * 3) };
        const first = await make(run, { checkpoints }, stop);
        const second = await make(run, { checkpoints, resume: 'must' });
        expect([...first.records, ...second.records], `stopped after ${stop}`).toEqual(whole.records);
        expect(second.weights).toEqual(whole.weights);
        expect(second.average).toEqual(whole.average);
      }
    });
  });
}

resumes('a whole model with two updates a rollout', wholeModelRun(STEPS), 10);
resumes('adapters of Janus', adaptersRun(STEPS), 10);

describe('a run with checkpoints', () => {
  const run = wholeModelRun(STEPS);
  const files: Record<string, Uint8Array> = {};

  it('leaves no tensor behind, however it ends', async () => {
    const before = tf.memory().numTensors;
    const checkpoints = { folder: memoryFolder() };
    await make(run, { checkpoints }, 2);
    await make(run, { checkpoints, resume: 'auto' });
    const stop = new AbortController();
    stop.abort();
    await expect(endless(run, { signal: stop.signal })).rejects.toThrow(/stopped|abort/i);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keeps the newest and the best, and nothing else of its own', async () => {
    const folder = memoryFolder({
      'notes.txt': Uint8Array.of(1),
      'step-00000001.json.ab-1.tmp': Uint8Array.of(1),
    });
    // Steps 1 … 6 are worth these.
    const values = [0, 3, 1, 3, 2, Number.NaN];
    const keepBest = { count: 2, by: ({ step }: { step: number }) => values[step] as number };
    await make(run, { checkpoints: { folder, every: 1, keepLast: 1, keepBest } });
    const names = (await folder.list()).filter((name) => name.endsWith('.json'));
    expect(names).toEqual([2, 4, 6].map((step) => `step-0000000${step}.json`));
    expect(await folder.list()).toHaveLength(3 * 4 + 1);
    expect(await folder.list()).toContain('notes.txt');
  });

  it('goes on from the one before when the newest is damaged, whatever the damage, and says so', async () => {
    const whole = await make(run, { checkpoints: { folder: memoryFolder(files), every: 2 } }, 4);
    const random = uniformStream('damage');
    const newest = Object.keys(files).filter((name) => name.startsWith('step-00000004'));
    expect(newest).toHaveLength(4);
    for (const name of newest) {
      for (const harm of ['flip', 'cut', 'remove'] as const) {
        const copy: Record<string, Uint8Array> = Object.fromEntries(
          Object.entries(files).map(([key, bytes]) => [key, bytes.slice()]),
        );
        const bytes = copy[name] as Uint8Array;
        if (harm === 'flip') bytes[Math.floor(random() * bytes.length)] = (bytes[0] as number) ^ 0x55;
        if (harm === 'cut') copy[name] = bytes.subarray(0, Math.floor(random() * bytes.length));
        if (harm === 'remove') delete copy[name];
        const onWarning = vi.fn();
        const checkpoints = { folder: memoryFolder(copy), every: 9, onWarning };
        const second = await make(run, { checkpoints, resume: 'auto' }, 4);
        expect(second.records, `${harm} ${name}`).toEqual(whole.records.slice(2));
        // A checkpoint without its manifest is none: that is no damage.
        if (harm === 'remove' && name.endsWith('.json')) expect(onWarning).not.toHaveBeenCalled();
        else expect(onWarning).toHaveBeenCalledWith(expect.stringMatching(/goes on from step 2/));
      }
    }
  }, 120_000);

  it('is not begun anew where one is, nor gone on with where none is', async () => {
    const folder = memoryFolder(files);
    await expect(make(run, { checkpoints: { folder } })).rejects.toThrow(/come to step 4.*resume: 'auto'/);
    const none = { checkpoints: { folder: memoryFolder() }, resume: 'must' } as const;
    await expect(make(run, none)).rejects.toThrow(/holds no checkpoint/);
    const damaged = memoryFolder({ 'step-00000004.json': Uint8Array.of(1, 2, 3) });
    await expect(make(run, { checkpoints: { folder: damaged }, resume: 'auto' })).rejects.toThrow(
      /none of its 1 checkpoints can be read/,
    );
  });

  it('is not gone on with as another run', async () => {
    const checkpoints = { folder: memoryFolder({ ...files }), every: 100 };
    const resumed = (more: Partial<TrainOptions<number, TokenContext>>) =>
      make(run, { checkpoints, resume: 'auto', ...more });
    await expect(resumed({ seed: 8 })).rejects.toThrow(/another run: seed 7 there, 8 here/);
    await expect(resumed({ prompts: [4, 5, 7] })).rejects.toThrow(/prompts \(as a checksum\)/);
    await expect(resumed({ ema: undefined })).rejects.toThrow(/averaged weights/);
    const other: ResumableRun<number, TokenContext> = {
      async begin() {
        const options = await run.begin();
        const [variable] = Object.values(options.policy.variables) as [tf.Variable];
        tf.tidy(() => variable.assign(variable.add(1)));
        return options;
      },
    };
    await expect(make(other, { checkpoints, resume: 'auto' })).rejects.toThrow(/weights before the first/);
    const changed = { ...checkpoints, allowChanges: true };
    const { records } = await make(run, { checkpoints: changed, resume: 'auto', seed: 8 });
    expect(records).toHaveLength(STEPS - 4);
  });

  it('is saved when it is aborted, and says how to go on', async () => {
    const whole = await make(run, {});
    const folder = memoryFolder();
    for (const phase of ['rollout', 'update'] as const) {
      const stop = new AbortController();
      const checkpoints: CheckpointOptions = { folder, every: 100 };
      const onProgress: TrainOptions<number, TokenContext>['onProgress'] = (progress) => {
        if (
          progress.step === (phase === 'rollout' ? 2 : 4) &&
          progress.phase === phase &&
          'detail' in progress
        ) {
          stop.abort();
        }
      };
      await expect(
        endless(run, {
          checkpoints,
          resume: 'auto',
          signal: stop.signal,
          onProgress,
        }),
      ).rejects.toThrow(/The run is saved at step \d in memory; train with resume: 'auto' to go on/);
    }
    const last = await make(run, { checkpoints: { folder }, resume: 'must' });
    expect(last.records).toEqual(whole.records.slice(4));
    expect(last.weights).toEqual(whole.weights);
  });

  it('does not save a step that could not be logged', async () => {
    const folder = memoryFolder();
    const logged: number[] = [];
    const full = ({ metrics }: { metrics: { step: number } }): void => {
      if (metrics.step === 3) throw new Error('ENOSPC');
      logged.push(metrics.step);
    };
    await expect(endless(run, { checkpoints: { folder, every: 2 }, loggers: [full] })).rejects.toThrow(
      'ENOSPC',
    );
    const again = ({ metrics }: { metrics: { step: number } }): void => void logged.push(metrics.step);
    await endless(run, { checkpoints: { folder }, resume: 'must', loggers: [again] });
    expect(logged).toEqual([0, 1, 2, 2, 3, 4, 5]);
  });

  it('never writes what is in the middle of a step', async () => {
    const folder = memoryFolder();
    const stop = new AbortController();
    let passes = 0;
    const onProgress: TrainOptions<number, TokenContext>['onProgress'] = ({ step, phase, ...rest }) => {
      // The second of two updates with step 1's rollout has begun.
      if (step === 1 && phase === 'update' && 'detail' in rest && ++passes === 8) stop.abort();
    };
    const checkpoints = { folder, every: 1 };
    await expect(endless(run, { checkpoints, signal: stop.signal, onProgress })).rejects.toThrow(
      /saved at step 1/,
    );
    const whole = await make(run, {});
    expect((await make(run, { checkpoints, resume: 'must' })).records).toEqual(whole.records.slice(1));
  });
});

describe('a store that fails', () => {
  const run = wholeModelRun(4);

  /** Fails some of its writes. */
  function failing(inner: EditableFolder, fails: (file: string, write: number) => boolean): EditableFolder {
    let writes = 0;
    return {
      ...inner,
      async write(file, pieces) {
        if (fails(file, ++writes))
          throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
        return inner.write(file, pieces);
      },
    };
  }

  it('is tried again', async () => {
    const inner = memoryFolder();
    const onWarning = vi.fn();
    const folder = failing(inner, (_, write) => write === 2);
    const { records } = await make(run, { checkpoints: { folder, every: 2, onWarning } });
    expect(records).toHaveLength(4);
    expect(onWarning).not.toHaveBeenCalled();
    expect((await inner.list()).filter((name) => name.endsWith('.json'))).toHaveLength(2);
  });

  it('does not end the run while it goes on, harms nothing, and ends it in words when it is over', async () => {
    const inner = memoryFolder();
    await make(run, { checkpoints: { folder: inner, every: 2 } }, 2);
    const before = await inner.list();
    const onWarning = vi.fn();
    const checkpoints = { folder: failing(inner, () => true), every: 1, retries: 0, onWarning };
    const seen: number[] = [];
    const options = await run.begin();
    const all = async () => {
      for await (const { metrics } of train({ ...options, checkpoints, resume: 'must' }))
        seen.push(metrics.step);
    };
    await expect(all()).rejects.toThrow(/step 4 could not be saved in 1 attempts \(ENOSPC.*untouched/);
    expect(seen).toEqual([2, 3]);
    expect(onWarning).toHaveBeenCalledWith(expect.stringMatching(/step 3 could not be saved.*goes on/));
    expect(await inner.list()).toEqual(before);
    options.policy.dispose();
    options.optimizer?.dispose();
  });
});

/** A run without an end of its own. */
async function endless<P, C>(run: ResumableRun<P, C>, more: Partial<TrainOptions<P, C>>): Promise<void> {
  const options = await run.begin();
  try {
    for await (const _ of train<P, C>({ ...options, ...more }));
  } finally {
    options.optimizer?.dispose();
    options.policy.dispose();
  }
}

describe('a folder of the disk that fails', () => {
  const run = wholeModelRun(3);

  it.each(['weights.safetensors', 'json'])('loses nothing when its %s can not be renamed', async (part) => {
    const path = mkdtempSync(join(tmpdir(), 'bicot-disk-'));
    try {
      const checkpoints = { folder: path, every: 1, keepLast: 1 };
      await make(run, { checkpoints }, 1);
      const before = readdirSync(path);
      // In the way of the rename: a folder of the same name, with something in it.
      const way = join(path, `step-00000002.${part}`);
      mkdirSync(way);
      writeFileSync(join(way, 'x'), '');
      const failing = { ...checkpoints, retries: 1, onWarning: () => {} };
      await expect(make(run, { checkpoints: failing, resume: 'must' }, 2)).rejects.toThrow(
        /step 2 could not be saved in 2 attempts .*(EISDIR|EEXIST|ENOTEMPTY).*untouched/,
      );
      const kept = readdirSync(path);
      expect(kept).toEqual(expect.arrayContaining(before));
      expect(kept.filter((file) => file.endsWith('.tmp'))).toEqual([]);
      rmSync(way, { recursive: true });
      // Goes on, and removes what was half made.
      const rest = await make(run, { checkpoints, resume: 'must' });
      expect(rest.records).toEqual((await make(run, {})).records.slice(1));
      expect(readdirSync(path).every((file) => file.startsWith('step-00000003'))).toBe(true);
    } finally {
      rmSync(path, { recursive: true, force: true });
    }
  });

  it('says that it can not be read or written, in words', async () => {
    const path = mkdtempSync(join(tmpdir(), 'bicot-disk-'));
    try {
      writeFileSync(join(path, 'file'), '');
      const checkpoints = { folder: join(path, 'file'), retries: 0 };
      await expect(make(run, { checkpoints }, 1)).rejects.toThrow(/file: it is not a folder/);
    } finally {
      rmSync(path, { recursive: true, force: true });
    }
  });
});
