/**
 * The name of a level of a rollout: `semantic` (the plan) and `token` (the picture) are bicot's own; a rollout of one's own may
 * call its levels otherwise. (`string & {}` is any string, but keeps the two names in what an editor offers.)
 */
export type LevelName = 'semantic' | 'token' | (string & {});

/** A value for each level, by its name. Which levels there are, the rollout decides. */
export type ByLevel<T> = Readonly<Record<string, T>> & {
  /** Of the plan. */
  readonly semantic?: T;
  /** Of the picture. */
  readonly token?: T;
};
