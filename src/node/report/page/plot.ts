import type UPlot from 'uplot';
import type { ChartData, CurveData } from '../report-data.js';
import { colorOf, DASHES, styleValue } from './colors.js';
import { number, whole } from './format.js';

/** Of uPlot's own script, which stands before this one. */
declare const uPlot: typeof UPlot;

/** How a curve is told from the others of its chart. */
export interface CurveLook {
  readonly color: number;
  readonly dash: number;
}

/** A chart that is drawn. */
export interface Plot {
  /** Draws other curves of the same number, smoothed or not; what was zoomed into stays. */
  readonly setCurves: (curves: readonly CurveData[], smooth: boolean) => void;
  readonly show: (curve: number, shown: boolean) => void;
  /** Draws itself again in the colours of now. */
  readonly redraw: () => void;
  readonly resize: (width: number) => void;
  /** Puts the cursor of all charts at a step; undefined takes it away. */
  readonly point: (step: number | undefined) => void;
  readonly dispose: () => void;
}

/** What a chart is drawn with. */
export interface PlotInput {
  readonly chart: ChartData;
  readonly looks: readonly CurveLook[];
  readonly smooth: boolean;
  readonly width: number;
  readonly height: number;
  /** Where something was found, with its severity. */
  readonly marks: () => ReadonlyMap<number, string>;
  /** Told of the step under the cursor; undefined if there is none. */
  readonly onPoint: (step: number | undefined) => void;
}

const STEP_INCREMENTS = [1, 2, 5].flatMap((n) =>
  [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].map((size) => n * size),
);
STEP_INCREMENTS.sort((a, b) => a - b);

/** Draws a chart into a box. Every curve is two series: as it is, and smoothed. */
export function plot(box: HTMLElement, input: PlotInput): Plot {
  const { chart, looks, marks, onPoint } = input;
  let { smooth } = input;
  const shown = looks.map(() => true);
  let { curves } = chart;

  const series = looks.flatMap(({ color, dash }, i): UPlot.Series[] => {
    const same = { stroke: () => colorOf(color), dash: dashOf(dash) };
    return [
      { ...same, label: `curve ${i}`, width: 1.75, points: { size: 5 } },
      { ...same, label: `smooth ${i}`, width: 2.25, points: { show: false } },
    ];
  });
  const u = new uPlot(
    {
      ...{ width: input.width, height: input.height, legend: { show: false }, padding: [12, 12, 0, 0] },
      scales: { x: { time: false }, y: { range: (_, least, greatest) => rangeOf(least, greatest) } },
      cursor: {
        sync: { key: 'bicot' },
        focus: { prox: -1 },
        points: { size: 7 },
        dataIdx: (self, at, hovered) => nearest(self.data[at] as (number | null | undefined)[], hovered),
        y: false,
      },
      series: [{}, ...series],
      axes: [
        {
          ...axis(),
          values: (_, ticks) => ticks.map(whole),
          incrs: STEP_INCREMENTS,
          space: 4 * rem(),
          size: 28,
          gap: 4,
        },
        {
          ...axis(),
          values: (_, ticks) => ticks.map((tick) => number(tick)),
          space: 2.1 * rem(),
          size: (_, values) =>
            18 + 0.41 * rem() * Math.max(3, ...(values ?? []).map((value) => value.length)),
        },
      ],
      hooks: {
        draw: [(self) => drawMarks(self, marks())],
        setCursor: [
          (self) => {
            const { left } = self.cursor;
            onPoint(left === undefined || left < 0 ? undefined : Math.round(self.posToVal(left, 'x')));
          },
        ],
      },
    },
    joined(curves, smooth),
    box,
  );
  // uPlot's cursor is no part of what is read out: the values stand in the legend.
  u.root.setAttribute('aria-hidden', 'true');

  const look = () => {
    curves.forEach((of, i) => {
      const calm = smooth && of.smooth !== undefined;
      Object.assign(u.series[2 * i + 1] as UPlot.Series, {
        alpha: calm ? 0.28 : 1,
        dash: calm ? [] : dashOf(looks[i]?.dash ?? 0),
      });
      u.setSeries(2 * i + 1, { show: shown[i] ?? true });
      u.setSeries(2 * i + 2, { show: (shown[i] ?? true) && calm });
    });
  };
  look();

  return {
    setCurves(next, smoothNow) {
      const [steps] = u.data;
      const { min, max } = u.scales.x as UPlot.Scale;
      const zoomed = (min ?? 0) > (steps[0] ?? 0) || (max ?? 0) < (steps.at(-1) ?? 0);
      [curves, smooth] = [next, smoothNow];
      u.setData(joined(curves, smooth), !zoomed);
      look();
      if (zoomed) u.redraw();
    },
    show(curve, visible) {
      shown[curve] = visible;
      look();
    },
    redraw: () => u.redraw(false),
    resize: (width) => u.setSize({ width, height: input.height }),
    point(step) {
      if (step === undefined) u.setCursor({ left: -10, top: -10 });
      else u.setCursor({ left: u.valToPos(step, 'x'), top: 10 });
    },
    dispose: () => u.destroy(),
  };
}

/** Text is as large as the page's, on a wall too. */
export const rem = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;

const dashOf = (dash: number): number[] => [...(DASHES[dash % DASHES.length] ?? [])];

/** The values that an axis shows; around those that are all one, or none, a little. */
function rangeOf(least: number | null, greatest: number | null): UPlot.Range.MinMax {
  if (least === null || greatest === null) return [0, 1];
  if (least === greatest)
    return least === 0 ? [0, 1] : [least - 0.1 * Math.abs(least), least + 0.1 * Math.abs(least)];
  return uPlot.rangeNum(least, greatest, 0.1, true);
}

/** Lines of text and of the grid, in the theme's colours. */
function axis(): UPlot.Axis {
  const grid = { stroke: () => styleValue('--grid'), width: 1 };
  const font = `${0.75 * rem()}px system-ui, sans-serif`;
  return {
    stroke: () => styleValue('--muted'),
    font,
    grid,
    ticks: { ...grid, size: 4 },
  };
}

/** All curves over the steps of any. Where a curve was not kept is no gap; where it has no number is one. */
function joined(curves: readonly CurveData[], smooth: boolean): UPlot.AlignedData {
  return uPlot.join(
    curves.flatMap(({ steps, values, smooth: calm }) => [
      [[...steps], [...values]] as UPlot.AlignedData,
      (smooth && calm ? [[...calm.steps], [...calm.values]] : [[], []]) as UPlot.AlignedData,
    ]),
  );
}

/** The index nearest to another that has a number; itself before the first and after the last one. */
function nearest(values: readonly (number | null | undefined)[], at: number): number {
  let [before, after] = [at, at];
  while (before >= 0 && typeof values[before] !== 'number') before--;
  while (after < values.length && typeof values[after] !== 'number') after++;
  if (before < 0 || after === values.length) return at;
  return at - before <= after - at ? before : after;
}

/** A line with a sign at its top, of another shape for each severity, where something was found. */
function drawMarks({ ctx, bbox, valToPos, scales }: UPlot, marks: ReadonlyMap<number, string>): void {
  const { min = 0, max = 0 } = scales.x as { min?: number; max?: number };
  const ratio = devicePixelRatio;
  const size = 4.5 * ratio;
  ctx.save();
  ctx.lineWidth = ratio;
  let drawn = new Set<string>();
  for (const [step, severity] of marks) {
    if (step < min || step > max) continue;
    const x = Math.round(valToPos(step, 'x', true));
    if (drawn.has(`${x} ${severity}`)) continue;
    drawn = drawn.add(`${x} ${severity}`);
    ctx.strokeStyle = ctx.fillStyle = styleValue(`--${severity}`);
    ctx.globalAlpha = 0.55;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    const y = bbox.top - 2 * ratio;
    if (severity === 'error') {
      ctx.moveTo(x, y - size);
      ctx.lineTo(x + size, y + size);
      ctx.lineTo(x - size, y + size);
    } else if (severity === 'warning') {
      ctx.moveTo(x, y - size);
      ctx.lineTo(x + size, y);
      ctx.lineTo(x, y + size);
      ctx.lineTo(x - size, y);
    } else ctx.arc(x, y, 0.8 * size, 0, 7);
    ctx.fill();
  }
  ctx.restore();
}
