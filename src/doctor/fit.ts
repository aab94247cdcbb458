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
/** Gauss–Newton steps, and what derivatives are taken over: large next to the rounding of float32. */
const [NEWTON_STEPS, SHIFT] = [8, 1e-2];
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

/** Both at once. */
export interface JointFit {
  readonly temperature: number;
  readonly scale: number;
  readonly misfit: number;
}

/**
 * The temperature and the guidance scale that together explain the recorded log-probs best. With a = 1/T and
 * b = s/T the logits are a·u + b·(c − u), so that least squares by Gauss–Newton converges in a few steps.
 * @param start where to begin
 */
export async function fitBoth<C>(
  level: LevelRollout<C>,
  start: Pick<JointFit, 'temperature' | 'scale'>,
  checkAbort: () => void,
): Promise<JointFit> {
  const gapsAt = async (a: number, b: number): Promise<Float64Array> => {
    checkAbort();
    const sampling = { ...level.sampling, temperature: 1 / a, guidance: { scale: b / a } };
    return validGaps(level, await recordedGaps({ ...level, sampling }));
  };
  let [a, b] = [1 / start.temperature, start.scale / start.temperature];
  let gaps = await gapsAt(a, b);
  for (let i = 0; i < NEWTON_STEPS; i++) {
    const byA = difference(await gapsAt(a + SHIFT, b), gaps, SHIFT);
    const byB = difference(await gapsAt(a, b + SHIFT), gaps, SHIFT);
    const [aa, ab, bb] = [dot(byA, byA), dot(byA, byB), dot(byB, byB)];
    const determinant = aa * bb - ab * ab;
    if (!(determinant > 1e-12 * aa * bb)) break;
    const stepA = -(bb * dot(byA, gaps) - ab * dot(byB, gaps)) / determinant;
    const stepB = -(aa * dot(byB, gaps) - ab * dot(byA, gaps)) / determinant;
    // Half the step until it helps; a stays a temperature.
    let better = false;
    for (let part = 1; part > 0.05 && !better; part /= 2) {
      const [nextA, nextB] = [Math.max(0.05, a + part * stepA), b + part * stepB];
      const next = await gapsAt(nextA, nextB);
      better = dot(next, next) < dot(gaps, gaps);
      if (better) [a, b, gaps] = [nextA, nextB, next];
    }
    if (!better) break;
  }
  return { temperature: 1 / a, scale: b / a, misfit: rootMeanSquare(gaps) };
}

/**
 * Root mean square of (recorded − scored) over valid tokens; infinite if one is not finite.
 * @param policy who scores; default: the level's own
 */
export async function misfit<C>(level: LevelRollout<C>, policy = level.policy): Promise<number> {
  return rootMeanSquare(validGaps(level, await recordedGaps(level, policy)));
}

/** `[R · T]`: recorded − scored. */
export async function recordedGaps<C>(level: LevelRollout<C>, policy = level.policy): Promise<Float64Array> {
  const scored = levelLogProbs(level, { policy }); // [R, T]
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

/** Those at valid tokens, side by side. */
export function validGaps<C>({ completion }: LevelRollout<C>, gaps: Float64Array): Float64Array {
  const { lengths, width } = completion;
  return Float64Array.from(
    [...lengths].flatMap((length, row) => [...gaps.subarray(row * width, row * width + length)]),
  );
}

function rootMeanSquare(gaps: Float64Array): number {
  const squares = dot(gaps, gaps);
  return Number.isFinite(squares) && gaps.length > 0
    ? Math.sqrt(squares / gaps.length)
    : Number.POSITIVE_INFINITY;
}

const dot = (x: Float64Array, y: Float64Array): number =>
  x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);

const difference = (x: Float64Array, y: Float64Array, by: number): Float64Array =>
  x.map((value, i) => (value - (y[i] as number)) / by);
