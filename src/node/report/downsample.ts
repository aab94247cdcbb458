import { digitsOf } from './digits.js';
import type { CurveData, PointData } from './report-data.js';

/** Stretches of steps that a curve has at most; each keeps its least and its greatest value. */
const STRETCHES = 700;
/** Points of a smoothed curve at most. */
const SMOOTH_POINTS = 250;
/** Shorter curves are not smoothed. */
const SMOOTH_FROM = 40;

/**
 * A curve that looks the same with few points: of each of 700 stretches the least and the greatest value, beside the
 * first and the last.
 * @param steps ascending
 * @param values beside them; NaN where there is none
 * @param calm whether a smoothed curve comes with it
 */
export function curve(
  name: string,
  run: number,
  steps: ArrayLike<number>,
  values: ArrayLike<number>,
  calm = true,
): CurveData {
  const kept = keptIndices(values);
  const exact = extremes(steps, values);
  const smooth = !calm || values.length < SMOOTH_FROM ? undefined : smoothed(steps, values);
  return {
    ...{ name, run },
    steps: kept.map((i) => steps[i] as number),
    values: kept.map((i) => digitsOf(values[i] as number)),
    ...(smooth && { smooth }),
    ...(exact && { exact }),
  };
}

/** Indices of the points that are kept, ascending. */
export function keptIndices(values: ArrayLike<number>): number[] {
  const { length } = values;
  if (length <= 2 * STRETCHES) return Array.from({ length }, (_, i) => i);
  const kept = new Set([0, length - 1]);
  for (let stretch = 0; stretch < STRETCHES; stretch++) {
    const begin = Math.floor((stretch * length) / STRETCHES);
    const end = Math.floor(((stretch + 1) * length) / STRETCHES);
    let [least, greatest, missing] = [-1, -1, -1];
    for (let i = begin; i < end; i++) {
      const value = values[i] as number;
      if (!Number.isFinite(value)) missing = i;
      else {
        if (least < 0 || value < (values[least] as number)) least = i;
        if (greatest < 0 || value > (values[greatest] as number)) greatest = i;
      }
    }
    // A gap stays a gap only where nothing was measured in the whole stretch.
    for (const i of least < 0 ? [missing] : [least, greatest]) kept.add(i);
  }
  return [...kept].sort((a, b) => a - b);
}

function extremes(steps: ArrayLike<number>, values: ArrayLike<number>): CurveData['exact'] {
  const point = (i: number): PointData => ({ step: steps[i] as number, value: values[i] as number });
  let [first, last, least, greatest] = [-1, -1, -1, -1];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    if (first < 0) first = i;
    last = i;
    if (least < 0 || value < (values[least] as number)) least = i;
    if (greatest < 0 || value > (values[greatest] as number)) greatest = i;
  }
  if (first < 0) return undefined;
  return { first: point(first), last: point(last), least: point(least), greatest: point(greatest) };
}

/** Means over a window of a twentieth of the run around each of at most 250 points. */
function smoothed(steps: ArrayLike<number>, values: ArrayLike<number>): CurveData['smooth'] {
  const { length } = values;
  const half = Math.max(2, Math.round(length / 40));
  const sums = new Float64Array(length + 1);
  const counts = new Float64Array(length + 1);
  for (let i = 0; i < length; i++) {
    const value = values[i] as number;
    const finite = Number.isFinite(value);
    sums[i + 1] = (sums[i] as number) + (finite ? value : 0);
    counts[i + 1] = (counts[i] as number) + (finite ? 1 : 0);
  }
  const points = Math.min(SMOOTH_POINTS, length);
  const at = Array.from({ length: points }, (_, i) => Math.round((i * (length - 1)) / (points - 1)));
  return {
    steps: at.map((i) => steps[i] as number),
    values: at.map((i) => {
      const begin = Math.max(0, i - half);
      const end = Math.min(length, i + half + 1);
      const count = (counts[end] as number) - (counts[begin] as number);
      return digitsOf(((sums[end] as number) - (sums[begin] as number)) / count);
    }),
  };
}
