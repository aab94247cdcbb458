import { describe, expect, it } from 'vitest';
import type { FromWorker, InitMessage, TaskWeights, ToWorker } from './protocol.js';
import { MOST_ATTEMPTS, taskQueue } from './queue.js';
import type { Spawn } from './thread.js';

const INIT: InitMessage = { kind: 'init', policy: { name: 'none', args: [] }, backend: 'cpu', layout: [] };
const WEIGHTS: TaskWeights = { set: 'policy', version: 1, buffer: new SharedArrayBuffer(0) };
const task = (name: string) => ({ kind: 'score', level: { name } as never }) as const;
const nameOf = (message: ToWorker): string =>
  message.kind === 'task' && message.task.kind === 'score' ? message.task.level.name : message.kind;

interface FakeThread {
  readonly got: ToWorker[];
  say(message: FromWorker): void;
  end(reason: string): void;
  terminated: boolean;
  held: boolean;
}

/** Threads that do what the test says. */
function fakeThreads(onInit: (thread: FakeThread) => void = (thread) => thread.say({ kind: 'ready' })) {
  const threads: FakeThread[] = [];
  const spawn: Spawn = () => {
    let said: (message: unknown) => void = () => {};
    const thread: FakeThread = {
      got: [],
      say: (message) => said(message),
      end: () => {},
      terminated: false,
      held: false,
    };
    threads.push(thread);
    return {
      post(message) {
        structuredClone(message);
        thread.got.push(message as ToWorker);
        if ((message as ToWorker).kind === 'init') queueMicrotask(() => onInit(thread));
      },
      listen(received, ended) {
        said = received;
        thread.end = ended;
      },
      hold: (busy) => {
        thread.held = busy;
      },
      terminate: () => {
        thread.terminated = true;
      },
    };
  };
  return { spawn, threads };
}

/** The id of the task that a thread works at. */
const idOf = (thread: FakeThread | undefined): number =>
  (thread?.got.at(-1) as { id?: number } | undefined)?.id ?? -1;
const done = (thread: FakeThread | undefined, value: number) =>
  thread?.say({ kind: 'done', id: idOf(thread), result: Float32Array.of(value) });
const ticks = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('a task queue', () => {
  it('gives each free thread the next task, and holds the process only for busy ones', async () => {
    const { spawn, threads } = fakeThreads();
    const queue = await taskQueue(spawn, 2, INIT);
    expect(threads.map(({ held }) => held)).toEqual([false, false]);
    const results = ['a', 'b', 'c'].map((name) => queue.run(task(name), WEIGHTS));
    expect(threads.map(({ got }) => got.map(nameOf))).toEqual([
      ['init', 'a'],
      ['init', 'b'],
    ]);
    expect(threads.map(({ held }) => held)).toEqual([true, true]);
    let idle = false;
    void queue.idle().then(() => {
      idle = true;
    });
    done(threads[1], 2);
    expect(threads[1]?.got.map(nameOf)).toEqual(['init', 'b', 'c']);
    done(threads[0], 1);
    await ticks();
    expect([idle, threads[0]?.held]).toEqual([false, false]);
    done(threads[1], 3);
    expect(await Promise.all(results)).toEqual([1, 2, 3].map((value) => Float32Array.of(value)));
    await ticks();
    expect(idle).toBe(true);
    await queue.dispose();
    expect(threads.every(({ terminated }) => terminated)).toBe(true);
  });

  it('replaces a thread that ends, and does its task again, three times at most', async () => {
    const { spawn, threads } = fakeThreads();
    const queue = await taskQueue(spawn, 1, INIT);
    const first = queue.run(task('a'), WEIGHTS);
    threads[0]?.end('gone');
    await ticks();
    threads[0]?.say({ kind: 'done', id: 1, result: Float32Array.of(9) }); // from the grave
    expect(threads[1]?.got.map(nameOf)).toEqual(['init', 'a']);
    done(threads[1], 1);
    expect(await first).toEqual(Float32Array.of(1));

    const second = queue.run(task('b'), WEIGHTS);
    const third = queue.run(task('c'), WEIGHTS);
    second.catch(() => {});
    for (let i = 1; i <= MOST_ATTEMPTS; i++) {
      expect(nameOf(threads[i]?.got.at(-1) as ToWorker)).toBe('b');
      threads[i]?.end('out of memory');
      await ticks();
    }
    await expect(second).rejects.toMatchObject({
      code: 'worker',
      message: expect.stringMatching(/3 workers in a row.*out of memory/),
    });
    done(threads.at(-1), 3);
    expect(await third).toEqual(Float32Array.of(3));
    await queue.dispose();
  });

  it('gives up where threads do not start, or the recipe fails', async () => {
    const dying = fakeThreads((thread) => thread.end('no such file'));
    await expect(taskQueue(dying.spawn, 1, INIT)).rejects.toMatchObject({
      code: 'worker',
      message: expect.stringMatching(/could not be started in 3 attempts \(no such file\)/),
    });
    expect(dying.threads).toHaveLength(MOST_ATTEMPTS);
    const error = { name: 'TypeError', message: 'no model', stack: 'there' };
    const unable = fakeThreads((thread) => thread.say({ kind: 'unable', error }));
    const failed = await taskQueue(unable.spawn, 2, INIT).catch((reason) => reason);
    expect(failed).toMatchObject({ name: 'TypeError', message: 'no model', cause: { stack: 'there' } });
    expect(unable.threads.every(({ terminated }) => terminated)).toBe(true);
  });

  it('rejects what is aborted right away, and waits for the thread before it gives it more', async () => {
    const { spawn, threads } = fakeThreads();
    const queue = await taskQueue(spawn, 1, INIT);
    const abort = new AbortController();
    const running = queue.run(task('a'), WEIGHTS, { signal: abort.signal });
    const waiting = queue.run(task('b'), WEIGHTS, { signal: abort.signal });
    const other = queue.run(task('c'), WEIGHTS);
    abort.abort('enough');
    for (const aborted of [running, waiting]) {
      await expect(aborted).rejects.toMatchObject({ code: 'aborted', cause: 'enough' });
    }
    expect(threads[0]?.got.at(-1)).toMatchObject({ kind: 'abort', id: 1 });
    threads[0]?.say({ kind: 'failed', id: 1, error: { name: 'BicotError', message: 'stopped' } });
    expect(nameOf(threads[0]?.got.at(-1) as ToWorker)).toBe('c');
    done(threads[0], 1);
    await other;
    await expect(queue.run(task('d'), WEIGHTS, { signal: abort.signal })).rejects.toThrow(/abort signal/);
    await queue.dispose();
  });

  it('refuses what can not be posted, and everything once it is disposed', async () => {
    const { spawn, threads } = fakeThreads();
    const queue = await taskQueue(spawn, 1, INIT);
    const bad = { kind: 'score', level: { name: 'bad', contexts: [() => 1] } as never } as const;
    await expect(queue.run(bad, WEIGHTS)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/could not be cloned.*plain data/),
    });
    const under = queue.run(task('a'), WEIGHTS);
    expect(nameOf(threads[0]?.got.at(-1) as ToWorker)).toBe('a');
    void queue.dispose();
    await expect(under).rejects.toMatchObject({ code: 'worker', message: expect.stringMatching(/disposed/) });
    await expect(queue.run(task('b'), WEIGHTS)).rejects.toMatchObject({ code: 'worker' });
    await queue.dispose();
    await queue.idle();
  });
});
