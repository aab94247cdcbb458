import { linkedAbort } from '../abort.js';

/**
 * Does things side by side and gives the results one after the other. At most `atOnce` are under way or waiting to be
 * taken. Leaving early, or an error, aborts those under way.
 * @param atOnce may change while things are done
 * @param run must take the signal to heart
 */
export async function* inOrder<T, R>(
  items: readonly T[],
  atOnce: number | (() => number),
  run: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): AsyncGenerator<R, void, undefined> {
  const abort = linkedAbort(signal);
  const held = new Map<number, Promise<R>>();
  const most = typeof atOnce === 'number' ? () => atOnce : atOnce;
  let started = 0;
  try {
    for (let i = 0; i < items.length; i++) {
      for (; started < Math.min(items.length, i + Math.max(1, most())); started++) {
        const result = run(items[started] as T, abort.signal);
        // One that fails before its turn is not unhandled.
        result.catch(() => {});
        held.set(started, result);
      }
      const result = await (held.get(i) as Promise<R>);
      held.delete(i);
      yield result;
    }
  } finally {
    abort.release();
    if (held.size > 0) abort.abort();
  }
}

/** Does all, `atOnce` of them side by side, and gives the results in order. The first error aborts the rest. */
export async function allInOrder<T, R>(
  items: readonly T[],
  atOnce: number,
  run: (item: T, signal: AbortSignal) => Promise<R>,
  signal?: AbortSignal,
): Promise<R[]> {
  const results: R[] = [];
  for await (const result of inOrder(items, atOnce, run, signal)) results.push(result);
  return results;
}
