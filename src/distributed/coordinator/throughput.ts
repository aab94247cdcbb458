/** Seconds that speeds are the mean of. */
const WINDOW = 10;

/** How much is done a second, of late. */
export interface Throughput {
  add(units: number): void;
  unitsPerSecond(): number;
}

/** Begins to count. */
export function throughput(): Throughput {
  const recent: { readonly at: number; readonly units: number }[] = [];
  return {
    add(units) {
      recent.push({ at: performance.now(), units });
    },
    unitsPerSecond() {
      const now = performance.now();
      while (recent.length > 0 && now - (recent[0] as { at: number }).at > 1000 * WINDOW) recent.shift();
      const [first] = recent;
      const span = first ? Math.max(1, (now - first.at) / 1000) : 1;
      return recent.reduce((sum, { units }) => sum + units, 0) / span;
    },
  };
}
