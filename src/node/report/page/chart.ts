import type { ChartData, CurveData, PointData, ReportData } from '../report-data.js';
import { swatch } from './colors.js';
import { h, scrollingTable } from './dom.js';
import { number, whole } from './format.js';
import { type CurveLook, type Plot, plot, rem } from './plot.js';

/** A chart on the page, with its legend and its table. */
export interface ChartCard {
  readonly element: HTMLElement;
  /** Whether it can show other data without being made again. */
  readonly fits: (chart: ChartData) => boolean;
  readonly update: (chart: ChartData, smooth: boolean) => void;
  /** Draws it, once it stands on the page. */
  readonly draw: () => void;
  readonly point: (step: number | undefined) => void;
  readonly redraw: () => void;
  readonly dispose: () => void;
}

/** What a card needs of the page around it. */
export interface CardInput {
  readonly data: ReportData;
  readonly chart: ChartData;
  readonly smooth: boolean;
  readonly marks: () => ReadonlyMap<number, string>;
}

/** A curve's colour is its run's, if there are several; else its own. */
export function looksOf({ curves, monitor }: ChartData, runs: number): CurveLook[] {
  const names = [...new Set(curves.map(({ name }) => name))];
  return curves.map(({ name, run }) => {
    const at = names.indexOf(name);
    if (runs > 1) return { color: run, dash: at + (monitor ? 1 : 0) + Math.floor(run / 8) };
    return { color: monitor ? 3 : at, dash: monitor ? 1 : at };
  });
}

/** Makes a card; it is drawn by `draw`. */
export function chartCard({ data, chart, smooth: smoothAtFirst, marks }: CardInput): ChartCard {
  const looks = looksOf(chart, data.runs.length);
  const labels = chart.curves.map(({ name, run }) => labelOf(data, chart, name, run));
  let [now, smooth] = [chart, smoothAtFirst];
  let drawn: Plot | undefined;
  let at: number | undefined;

  const values = chart.curves.map(() => h('b', {}, ''));
  const where = h('span', { class: 'where' });
  const keys = chart.curves.map((_, i) => {
    const inside = [
      swatch(looks[i]?.color ?? 0, looks[i]?.dash),
      h('span', {}, labels[i] ?? ''),
      values[i] as HTMLElement,
    ];
    if (chart.curves.length === 1) return h('li', { class: 'key' }, ...inside);
    const button = h(
      'button',
      {
        ...{ type: 'button', class: 'key', 'aria-pressed': 'true' },
        onclick: () => {
          const shown = button.getAttribute('aria-pressed') !== 'true';
          button.setAttribute('aria-pressed', String(shown));
          drawn?.show(i, shown);
        },
      },
      ...inside,
    );
    return h('li', {}, button);
  });
  const box = h('div', {
    class: 'plot',
    role: 'img',
    tabindex: 0,
    onkeydown: (event) => byKeys(event as KeyboardEvent),
    onblur: () => point(undefined),
  });
  const body = h('tbody');
  const element = h(
    'figure',
    { class: `chart${chart.main ? ' main' : ''}${chart.monitor ? ' monitor' : ''}`, id: `chart-${chart.id}` },
    h(
      'figcaption',
      {},
      h('h3', {}, chart.title, chart.monitor && h('span', { class: 'tag' }, 'monitor')),
      h('p', { class: 'note' }, chart.about),
    ),
    h('ul', { class: 'legend' }, ...keys, h('li', {}, where)),
    box,
    h('details', {}, h('summary', {}, 'Numbers'), numbers(chart.title, body)),
  );

  const readOut = () => {
    where.textContent = at === undefined ? 'last step' : `step ${whole(at)}`;
    now.curves.forEach((of, i) => {
      const value = at === undefined ? of.exact?.last.value : valueAt(of, at);
      (values[i] as HTMLElement).textContent = number(value);
    });
  };
  const tell = () => {
    body.replaceChildren(...now.curves.map((of, i) => row(labels[i] ?? '', of)));
    box.setAttribute(
      'aria-label',
      `${chart.title}. ${now.curves.map((of, i) => inWords(labels[i] ?? '', of)).join(' ')} The table below has the numbers.`,
    );
    readOut();
  };
  const point = (step: number | undefined) => drawn?.point(step);
  const byKeys = (event: KeyboardEvent) => {
    const { steps } = now.curves[0] as CurveData;
    const stride = (event.shiftKey ? 20 : 1) * Math.max(1, Math.round(steps.length / 200));
    const here = steps.findIndex((step) => step >= (at ?? Number.POSITIVE_INFINITY));
    const from = here < 0 ? steps.length - 1 : here;
    const to = { ArrowLeft: from - stride, ArrowRight: from + stride, Home: 0, End: steps.length - 1 }[
      event.key
    ];
    if (event.key === 'Escape') point(undefined);
    else if (to !== undefined) {
      event.preventDefault();
      point(
        steps[
          Math.min(steps.length - 1, Math.max(0, at === undefined && event.key === 'ArrowLeft' ? from : to))
        ],
      );
    }
  };
  const watcher = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry?.contentRect.width ?? 0);
    if (width > 0) drawn?.resize(width);
  });
  tell();

  return {
    ...{ element, point, redraw: () => drawn?.redraw() },
    fits: (next) =>
      next.curves.length === chart.curves.length &&
      next.curves.every(({ name, run }, i) => name === chart.curves[i]?.name && run === chart.curves[i]?.run),
    update(next, smoothNow) {
      [now, smooth] = [next, smoothNow];
      drawn?.setCurves(next.curves, smooth);
      tell();
    },
    draw() {
      if (drawn) return;
      const onPoint = (step: number | undefined) => {
        at = step;
        readOut();
      };
      const size = { width: Math.max(200, box.clientWidth), height: (chart.main ? 19 : 12) * rem() };
      drawn = plot(box, { chart: now, looks, smooth, ...size, marks, onPoint });
      watcher.observe(box);
    },
    dispose() {
      watcher.disconnect();
      drawn?.dispose();
    },
  };
}

function labelOf({ runs }: ReportData, { curves }: ChartData, name: string, run: number): string {
  const several = new Set(curves.map((of) => of.name)).size > 1;
  if (runs.length === 1) return name;
  return several ? `${runs[run]?.name} · ${name}` : (runs[run]?.name ?? '');
}

function inWords(label: string, { exact }: CurveData): string {
  if (!exact) return `${label}: no numbers.`;
  return `${label}: from ${number(exact.first.value)} at step ${exact.first.step} to ${number(exact.last.value)} at step ${exact.last.step}.`;
}

/** The value of the kept point nearest to a step; null before the curve begins and after it ends. */
function valueAt({ steps, values }: CurveData, step: number): number | null {
  if (step < (steps[0] ?? 0) || step > (steps.at(-1) ?? 0)) return null;
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] as number) < step) low = middle + 1;
    else high = middle;
  }
  const before = steps[low - 1];
  const closer = before !== undefined && step - before < (steps[low] as number) - step;
  return values[closer ? low - 1 : low] ?? null;
}

const COLUMNS = ['First', 'Last', 'Lowest', 'Highest'];

function numbers(title: string, body: HTMLElement): HTMLElement {
  const head = ['Curve', ...COLUMNS].map((name) => h('th', { scope: 'col' }, name));
  return scrollingTable(
    `Numbers of ${title}`,
    h('table', {}, h('caption', { class: 'unseen' }, title), h('thead', {}, h('tr', {}, ...head)), body),
  );
}

function row(label: string, { exact }: CurveData): HTMLElement {
  const cell = (point: PointData | undefined) =>
    point
      ? h(
          'td',
          { 'data-value': point.value, 'data-step': point.step },
          number(point.value),
          h('small', {}, ` step ${whole(point.step)}`),
        )
      : h('td', {}, '–');
  return h(
    'tr',
    {},
    h('th', { scope: 'row' }, label),
    ...[exact?.first, exact?.last, exact?.least, exact?.greatest].map(cell),
  );
}
