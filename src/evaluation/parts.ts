/** The whole of an evaluation, and what belongs to each type of prompt. */
export interface Part<T> {
  /** Null: all prompts. */
  readonly type: string | null;
  readonly samples: readonly T[];
}

/**
 * All samples, then those of each type in the order in which types appear.
 * @param by without it there are no types
 */
export function partsOf<T, P>(
  samples: readonly T[],
  promptOf: (sample: T) => P,
  by?: (prompt: P) => string,
): Part<T>[] {
  const types = by ? grouped(samples, (sample) => by(promptOf(sample))) : new Map<string, T[]>();
  return [{ type: null, samples }, ...Array.from(types, ([type, ofType]) => ({ type, samples: ofType }))];
}

/** In the order in which keys appear. */
function grouped<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** Numbers by prompt: `[prompts][samples]`, prompts in the order in which they appear. */
export function byPrompt<T extends { readonly promptIndex: number }>(
  samples: readonly T[],
  numberOf: (sample: T) => number,
): number[][] {
  return Array.from(grouped(samples, ({ promptIndex }) => promptIndex).values(), (ofPrompt) =>
    ofPrompt.map(numberOf),
  );
}
