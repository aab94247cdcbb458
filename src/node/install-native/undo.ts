import { reasonOf } from '../../errors.js';
/** What has to be done, last first, to have everything as it was before. */
export interface Undo {
  /** Remembers how to take back a change; call it before the change is made. */
  readonly add: (takeBack: () => Promise<void>) => void;
  /**
   * Takes back everything, the latest change first, and forgets it. One that fails does not stop the others.
   * @returns why some could not be taken back, if so
   */
  readonly run: () => Promise<readonly string[]>;
}

/** An empty list of changes. */
export function createUndo(): Undo {
  const changes: (() => Promise<void>)[] = [];
  return {
    add: (takeBack) => void changes.push(takeBack),
    run: async () => {
      const failures: string[] = [];
      for (const takeBack of changes.splice(0).reverse()) {
        try {
          await takeBack();
        } catch (error) {
          failures.push(reasonOf(error));
        }
      }
      return failures;
    },
  };
}
