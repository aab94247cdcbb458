import { BicotError } from '../../errors.js';

/** What owns a model that was loaded for it. */
export interface Loaded {
  /**
   * Frees the model once the calls that run have ended; later calls throw. Whoever made the object calls it, once nothing
   * uses it any more. Safe to call twice.
   */
  dispose(): Promise<void>;
}

/** A model that is loaded when it is first used, once. */
export interface LazyModel<Model> extends Loaded {
  /**
   * Runs something on the model.
   * @throws BicotError `value` after `dispose`, and whatever loading throws; the next call then tries again
   */
  use<Result>(action: (model: Model) => Promise<Result>): Promise<Result>;
}

/**
 * @param where who owns it, for messages
 * @param load loads everything
 * @param free frees what was loaded
 */
export function lazyModel<Model>(
  where: string,
  load: () => Promise<Model>,
  free: (model: Model) => Promise<unknown>,
): LazyModel<Model> {
  let loading: Promise<Model> | undefined;
  let disposing: Promise<void> | undefined;
  const running = new Set<Promise<unknown>>();

  const get = (): Promise<Model> => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const freeWhenIdle = async (): Promise<void> => {
    await Promise.allSettled(running);
    if (loading !== undefined) await free(await loading);
  };

  return {
    async use(action) {
      if (disposing) {
        throw new BicotError(
          'value',
          `${where}: it was disposed. Make a new one, or dispose of it after the last call.`,
        );
      }
      const call = get().then(action);
      running.add(call);
      try {
        return await call;
      } finally {
        running.delete(call);
      }
    },
    dispose() {
      disposing ??= freeWhenIdle();
      return disposing;
    },
  };
}
