/**
 * p-values of several questions, corrected so that a true "no difference" among them is called one with the stated
 * probability at most, whatever their dependence (Holm 1979).
 * @param pValues NaN is no question: it stays NaN and counts for nothing
 * @returns in the same order
 */
export function holm(pValues: readonly number[]): number[] {
  const asked = pValues.map((p, at) => ({ p, at })).filter(({ p }) => !Number.isNaN(p));
  const adjusted = pValues.map(() => Number.NaN);
  let most = 0;
  asked
    .sort((a, b) => a.p - b.p)
    .forEach(({ p, at }, rank) => {
      most = Math.max(most, Math.min(1, (asked.length - rank) * p));
      adjusted[at] = most;
    });
  return adjusted;
}
