import { ARMS } from './arms.js';
import type { Runs } from './runs.js';

const SIZE = { width: 760, height: 330, left: 52, right: 190, top: 18, bottom: 44 };
/** Colours that people with any colour vision tell apart (Okabe and Ito). */
const COLORS = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9'];
/** Steps that a point is the mean of. */
const WINDOW = 10;

/** Means over the last ten steps. */
function smoothed(values: readonly number[]): number[] {
  return values.map((_, i) => {
    const part = values.slice(Math.max(0, i - WINDOW + 1), i + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** What the judge accepts of the samples that are trained on, by step: mean over runs, and the span of the runs. An SVG. */
export function curvesSvg(runs: Runs, arms: readonly string[]): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const lines = arms.flatMap((arm) => {
    const curves = runs.ofArm(arm).map(({ curve }) => smoothed(curve.map(({ judge }) => judge)));
    return curves.length > 0 && (curves[0] as number[]).length > 0 ? [{ arm, curves }] : [];
  });
  const steps = Math.max(2, ...lines.map(({ curves }) => (curves[0] as number[]).length));
  const most = Math.max(0.1, ...lines.flatMap(({ curves }) => curves.flat()));
  const x = (step: number): string => (left + ((width - left - right) * step) / (steps - 1)).toFixed(1);
  const y = (share: number): string =>
    (height - bottom - ((height - top - bottom) * share) / most).toFixed(1);
  const ticks = Array.from({ length: Math.floor(most * 10) + 1 }, (_, i) => i / 10);
  const drawn = lines.map(({ arm, curves }, index) => {
    const color = COLORS[index % COLORS.length] as string;
    const at = (pick: (values: number[]) => number): string[] =>
      (curves[0] as number[]).map((_, step) => `${x(step)},${y(pick(curves.map((c) => c[step] as number)))}`);
    const mean = at((values) => values.reduce((sum, value) => sum + value, 0) / values.length);
    const span = [...at((values) => Math.max(...values)), ...at((values) => Math.min(...values)).reverse()];
    const legend = top + 12 + 20 * index;
    return [
      `<polygon points="${span.join(' ')}" fill="${color}" opacity="0.13"/>`,
      `<polyline points="${mean.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
      `<line x1="${width - right + 14}" x2="${width - right + 34}" y1="${legend - 4}" y2="${legend - 4}" stroke="${color}" stroke-width="3"/>`,
      `<text x="${width - right + 40}" y="${legend}">${ARMS.find(({ name }) => name === arm)?.title ?? arm}</text>`,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#202124">`,
    '<title>Share of the training samples that the judge accepts, by step</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...ticks.map(
      (share) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(share)}" y2="${y(share)}" stroke="#dadce0"/><text x="${left - 8}" y="${Number(y(share)) + 4}" text-anchor="end">${Math.round(100 * share)}</text>`,
    ),
    ...[0, Math.round(steps / 2), steps - 1].map(
      (step) => `<text x="${x(step)}" y="${height - bottom + 18}" text-anchor="middle">${step + 1}</text>`,
    ),
    `<text x="${(left + width - right) / 2}" y="${height - 8}" text-anchor="middle">step</text>`,
    `<text transform="translate(14 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">judge accepts, %</text>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}
