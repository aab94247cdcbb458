import { el, svg } from './dom.js';

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** A custom property of the style sheet. */
  readonly color: string;
  /** Broken, so that lines differ without colour too. */
  readonly dashed?: boolean;
}

/** How a chart looks. */
export interface ChartOptions {
  readonly title: string;
  readonly series: readonly Series[];
  readonly format: (value: number) => string;
  /** The vertical axis reaches at least so far. */
  readonly atLeast: number;
  readonly note: string;
}

/** A chart over training steps. */
export interface Chart {
  /** One value for each series, NaN for none. */
  add(step: number, values: readonly number[]): void;
  clear(): void;
}

interface Point {
  readonly step: number;
  readonly values: readonly number[];
  readonly smooth: readonly number[];
}

/** Pixels. */
const HEIGHT = 210;
const MARGIN = { left: 54, right: 12, top: 10, bottom: 26 };
/** Weight of a new value in the smooth line: about the mean of the last eight. */
const FRESH = 0.22;
/** More would be less than a pixel each. */
const MOST_POINTS = 400;

/** Puts a chart into a section: dots for what was measured, lines for the running mean. */
export function lineChart(into: HTMLElement, { title, series, format, atLeast, note }: ChartOptions): Chart {
  let points: Point[] = [];
  let picked: number | undefined;
  let width = 520;
  const drawing = svg('svg', { role: 'img', tabindex: 0, class: 'chart' });
  const legend = el('div', { class: 'legend' });
  into.append(legend, drawing, el('p', { class: 'note' }, note));

  const x = (step: number): number => {
    const [first, last] = [
      points[0]?.step ?? 0,
      Math.max(points.at(-1)?.step ?? 0, (points[0]?.step ?? 0) + 9),
    ];
    return MARGIN.left + ((step - first) / (last - first)) * (width - MARGIN.left - MARGIN.right);
  };
  const draw = (): void => {
    const all = points.flatMap(({ values }) => values).filter(Number.isFinite);
    const ticks = ticksTo(Math.max(atLeast, ...all));
    const top = ticks.at(-1) ?? 1;
    const y = (value: number): number =>
      HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.bottom - MARGIN.top);
    const at = picked === undefined ? undefined : points[picked];
    drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    drawing.replaceChildren(
      ...ticks.map((tick) => gridLine(y(tick), width - MARGIN.right, format(tick))),
      ...stepTicks(points, width).map((step) =>
        svg('text', { x: x(step), y: HEIGHT - 8, 'text-anchor': 'middle', class: 'tick' }, step),
      ),
      ...series.flatMap((line, s) =>
        lineOf(
          line,
          points,
          (point) => point.values[s],
          (point) => point.smooth[s],
          x,
          y,
        ),
      ),
      at
        ? svg('line', {
            x1: x(at.step),
            x2: x(at.step),
            y1: MARGIN.top,
            y2: HEIGHT - MARGIN.bottom,
            class: 'cursor',
          })
        : '',
    );
    const told = at ?? points.at(-1);
    legend.replaceChildren(
      ...series.map((line, s) =>
        el(
          'span',
          { class: line.dashed ? 'key dashed' : 'key', style: `--ink:var(${line.color})` },
          el('i'),
          `${line.name} `,
          el('b', {}, told ? format(told.values[s] ?? Number.NaN) : '–'),
        ),
      ),
      el('span', { class: 'note' }, told ? `step ${told.step}` : ''),
    );
    drawing.setAttribute('aria-label', summary(title, series, points, format));
  };

  const pick = (index: number | undefined): void => {
    picked = index;
    draw();
  };
  drawing.addEventListener('pointermove', (event) => {
    const place = event.clientX - drawing.getBoundingClientRect().left;
    const distances = points.map(({ step }) => Math.abs(x(step) - place));
    if (points.length > 0) pick(distances.indexOf(Math.min(...distances)));
  });
  drawing.addEventListener('pointerleave', () => pick(undefined));
  drawing.addEventListener('blur', () => pick(undefined));
  drawing.addEventListener('keydown', (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move === undefined || points.length === 0) return;
    event.preventDefault();
    pick(Math.min(points.length - 1, Math.max(0, (picked ?? points.length) + move)));
  });

  // Drawn in pixels of the screen, so that letters keep their size in a narrow window.
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry?.contentRect.width ?? width);
    if (now === width || now === 0) return;
    width = now;
    draw();
  }).observe(drawing);
  draw();
  return {
    add(step, values) {
      const before = points.at(-1)?.smooth;
      const smooth = values.map((value, s) => {
        const last = before?.[s];
        if (last === undefined || Number.isNaN(last)) return value;
        return Number.isNaN(value) ? last : last + FRESH * (value - last);
      });
      points.push({ step, values, smooth });
      if (points.length > MOST_POINTS)
        points = points.filter((_, i) => i % 2 === 0 || i === points.length - 1);
      draw();
    },
    clear() {
      points = [];
      picked = undefined;
      draw();
    },
  };
}

function gridLine(y: number, end: number, label: string): SVGElement {
  return svg(
    'g',
    {},
    svg('line', { x1: MARGIN.left, x2: end, y1: y, y2: y, class: 'grid' }),
    svg('text', { x: MARGIN.left - 6, y: y + 4, 'text-anchor': 'end', class: 'tick' }, label),
  );
}

function lineOf(
  { color, dashed }: Series,
  points: readonly Point[],
  value: (point: Point) => number | undefined,
  smooth: (point: Point) => number | undefined,
  x: (step: number) => number,
  y: (value: number) => number,
): SVGElement[] {
  const place = (point: Point, height = Number.NaN): [number, number] | undefined =>
    Number.isFinite(height) ? [x(point.step), y(height)] : undefined;
  const measured = points.flatMap((point) => [place(point, value(point))]).filter((at) => at !== undefined);
  const path = points
    .map((point) => place(point, smooth(point)))
    .filter((at) => at !== undefined)
    .map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${px.toFixed(1)} ${py.toFixed(1)}`)
    .join('');
  const style = `--ink:var(${color})`;
  return [
    // One path of dots: hundreds of circles would be hundreds of elements to lay out at each step.
    svg('path', {
      d: measured.map(([px, py]) => `M${px.toFixed(1)} ${py.toFixed(1)}h0`).join(''),
      class: 'dots',
      style,
    }),
    svg('path', { d: path, class: dashed ? 'line dashed' : 'line', style }),
  ];
}

/** Round numbers from 0 to at least `most`, four or five of them. */
export function ticksTo(most: number): number[] {
  const rough = most / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = 0; i * step < most * 1.0001 || ticks.length < 2; i++)
    ticks.push(Number((i * step).toPrecision(6)));
  if ((ticks.at(-1) ?? 0) < most) ticks.push(Number((ticks.length * step).toPrecision(6)));
  return ticks;
}

function stepTicks(points: readonly Point[], width: number): number[] {
  const first = points[0]?.step ?? 0;
  const last = Math.max(points.at(-1)?.step ?? 0, first + 9);
  const [, step = 1] = ticksTo(Math.max(1, last - first));
  const crowded = width < 360 ? 2 : 1;
  const whole = Math.max(1, Math.round(step)) * crowded;
  return Array.from({ length: Math.floor((last - first) / whole) + 1 }, (_, i) => first + i * whole);
}

function summary(
  title: string,
  series: readonly Series[],
  points: readonly Point[],
  format: (value: number) => string,
): string {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return `${title}: no steps yet.`;
  const lines = series.map(
    ({ name }, s) =>
      `${name} from ${format(first.values[s] ?? Number.NaN)} to ${format(last.values[s] ?? Number.NaN)}`,
  );
  return `${title} over steps ${first.step} to ${last.step}: ${lines.join(', ')}. Arrow keys read single steps.`;
}
