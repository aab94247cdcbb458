/** Executors of one process: the suite that the one over a queue passes too (test/packages/distributed). */
import { inProcess, workerThreads } from 'bicot';
import { describe, expect, it } from 'vitest';
import { balanced } from '../src/objective/presets.js';
import { train } from '../src/train/train.js';
import { executorConformance } from './support/executor-conformance.js';
import { localThread } from './support/local-thread.js';
import { smallTask } from './support/small-task.js';
import { smallTransformer } from './support/small-transformer.js';

executorConformance('inProcess', inProcess);
executorConformance('workerThreads', () => workerThreads({ workers: 2, spawn: localThread }));

describe('train', () => {
  it('takes one executor, and says what is none', async () => {
    const policy = await smallTransformer();
    const options = { ...smallTask(policy), objective: balanced(), learningRate: 1e-2 };
    const two = { executor: inProcess(), parallel: { workers: 1 } };
    expect(() => train({ ...options, ...two })).toThrow(/both executor and parallel/);
    const none = { executor: { workers: 2 } as never };
    expect(() => train({ ...options, ...none })).toThrow(
      /executor is \{"workers":2\}, but must be an executor/,
    );
    expect(() => train({ ...options, staleness: -1 })).toThrow(/staleness is -1/);
    policy.dispose();
  });
});
