import { levelLogProbs } from '../rollout/level-log-probs.js';
import type { LevelRollout } from '../rollout/types.js';

/** A distribution that could explain recorded log-probs. */
export interface Fit {
  /** The best temperature or scale. */
  readonly value: number;
  /** Root mean square of (recorded − scored) at that value, in nats. */
  readonly misfit: number;
}

const TEMPERATURES = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 5, 10];
const SCALES = [0, 0.5, 1, 1.5, 2, 3, 4, 5, 6, 7.5, 10, 15, 20];
/** Golden-section steps: each leaves 0.618 of the interval. */
const REFINEMENTS = 18;

/** The temperature that explains the recorded log-probs best, everything else as the level says. */
export function fitTemperature<C>(level: LevelRollout<C>, checkAbort: () => void): Promise<Fit> {
  return minimise(TEMPERATURES, checkAbort, (temperature) =>
    misfit({ ...level, sampling: { ...level.sampling, temperature } }),
  );
}

/** The guidance scale that explains the recorded log-probs best; the policy must have `unconditional`. */
export function fitGuidance<C>(level: LevelRollout<C>, checkAbort: () => void): Promise<Fit> {
  return minimise(SCALES, checkAbort, (scale) =>
    misfit({ ...level, sampling: { ...level.sampling, guidance: { scale, logProbs: 'guided' } } }),
  );
}

/** Root mean square of (recorded − scored) over valid tokens; infinite if one is not finite. */
export async function misfit<C>(level: LevelRollout<C>): Promise<number> {
  const gaps = await recordedGaps(level);
  const { lengths, width } = level.completion;
  let sum = 0;
  let tokens = 0;
  lengths.forEach((length, row) => {
    for (let i = row * width; i < row * width + length; i++) sum += (gaps[i] as number) ** 2;
    tokens += length;
  });
  return Number.isFinite(sum) && tokens > 0 ? Math.sqrt(sum / tokens) : Number.POSITIVE_INFINITY;
}

/** `[R · T]`: recorded − scored. */
export async function recordedGaps<C>(level: LevelRollout<C>): Promise<Float64Array> {
  const scored = levelLogProbs(level); // [R, T]
  const values = await scored.data();
  scored.dispose();
  return Float64Array.from(level.behaviourLogProbs, (value, i) => value - (values[i] as number));
}

/** A grid, and golden section around its best point. */
async function minimise(
  grid: readonly number[],
  checkAbort: () => void,
  cost: (value: number) => Promise<number>,
): Promise<Fit> {
  let best: Fit = { value: Number.NaN, misfit: Number.POSITIVE_INFINITY };
  const at = async (value: number): Promise<number> => {
    checkAbort();
    const found = await cost(value);
    if (found < best.misfit) best = { value, misfit: found };
    return found;
  };
  for (const value of grid) await at(value);
  const place = grid.indexOf(best.value);
  if (place < 0) return best;
  let low = grid[Math.max(0, place - 1)] as number;
  let high = grid[Math.min(grid.length - 1, place + 1)] as number;
  const golden = (Math.sqrt(5) - 1) / 2;
  let left = high - golden * (high - low);
  let right = low + golden * (high - low);
  let [atLeft, atRight] = [await at(left), await at(right)];
  for (let i = 0; i < REFINEMENTS; i++) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - golden * (high - low);
      atLeft = await at(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + golden * (high - low);
      atRight = await at(right);
    }
  }
  return best;
}
