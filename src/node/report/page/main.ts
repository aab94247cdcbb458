import type { ReportData } from '../report-data.js';
import { charts } from './charts.js';
import { h, memory } from './dom.js';
import { findingsList } from './findings.js';
import { headline } from './headline.js';
import { news } from './news.js';
import { pictures } from './pictures.js';
import { settings } from './settings.js';
import { themeButton } from './theme.js';

/** A part of the page that is made again when what it shows is something else. */
interface Part {
  readonly place: HTMLElement;
  readonly make: (data: ReportData) => HTMLElement;
  /** What it shows. */
  readonly of: (data: ReportData) => unknown;
  shown?: string;
}

const data = JSON.parse(document.getElementById('data')?.textContent ?? '{}') as ReportData;
let now = data;
let smooth = memory.get('smooth') !== 'no';

const box = (name: string) => h('div', { class: name });
const places = { reward: box('charts'), policy: box('charts'), speed: box('charts') };
const drawn = charts(places);

const part = (make: Part['make'], of: Part['of']): Part => ({ place: h('div'), make, of });
const glance = part(headline, ({ runs }) => runs.map((run) => run.headline));
const found = part(
  (of) => findingsList(of, (step) => drawn.point(step)),
  ({ runs }) => runs.map(({ findings }) => findings),
);
const drawings = part(pictures, ({ runs }) =>
  runs.map(({ tracked, groups, picturesNote }) => [tracked, groups, picturesNote]),
);
const configured = part(settings, ({ runs }) => runs.map(({ config }) => config));
const problems = part(
  ({ runs }) =>
    h(
      'ul',
      { class: 'problems' },
      ...runs.flatMap((run) => run.problems.map((text) => h('li', {}, `${run.name}: ${text}`))),
    ),
  ({ runs }) => runs.map((run) => run.problems),
);

const smoothing = h('input', {
  type: 'checkbox',
  id: 'smooth',
  checked: smooth,
  onchange: () => {
    smooth = smoothing.checked;
    memory.set('smooth', smooth ? 'yes' : 'no');
    drawn.update(now, smooth);
  },
});

const section = (id: string, title: string, ...inside: HTMLElement[]) =>
  h(
    'section',
    { id, 'aria-labelledby': `${id}-title` },
    h('h2', { id: `${id}-title`, tabindex: -1 }, title),
    ...inside,
  );

const LINKS = {
  findings: 'Findings',
  rewards: 'Rewards',
  pictures: 'Pictures',
  policy: 'Policy',
  speed: 'Speed',
  settings: 'Settings',
};

document.getElementById('report')?.append(
  h('a', { class: 'skip', href: '#glance' }, 'Skip to the report'),
  h(
    'header',
    {},
    h(
      'div',
      { class: 'title' },
      h('p', { class: 'eyebrow' }, data.runs.length > 1 ? `${data.runs.length} runs` : 'Run'),
      h('h1', {}, data.title),
    ),
    h(
      'div',
      { class: 'tools' },
      news(data, show),
      themeButton(() => drawn.redraw()),
    ),
    h(
      'nav',
      { 'aria-label': 'Parts of the report' },
      ...Object.entries(LINKS).map(([id, title]) => h('a', { href: `#${id}` }, title)),
    ),
  ),
  h(
    'main',
    {},
    section('glance', 'At a glance', glance.place, problems.place),
    section('findings', 'Findings', found.place),
    section(
      'rewards',
      'Rewards',
      h(
        'p',
        { class: 'toolbar' },
        h('label', {}, smoothing, ' Smooth curves'),
        h(
          'span',
          { class: 'note' },
          'Drag to zoom, double-click to see all. With the keyboard: arrows move through the steps.',
        ),
      ),
      places.reward,
    ),
    section('pictures', 'Pictures', drawings.place),
    section('policy', 'Policy', places.policy),
    section('speed', 'Speed', places.speed),
    section('settings', 'Settings', configured.place),
  ),
  h('footer', {}, h('p', { class: 'note' }, `Made by bicot ${data.version}. Charts by uPlot (MIT).`)),
);
show(data);

/** Shows data, on a page that may show older data already. */
function show(next: ReportData): void {
  now = next;
  for (const one of [glance, problems, found, drawings, configured]) {
    const shown = JSON.stringify(one.of(next));
    if (shown === one.shown) continue;
    one.shown = shown;
    const scrolled = Array.from(one.place.querySelectorAll('.strip'), ({ scrollLeft }) => scrollLeft);
    one.place.replaceChildren(one.make(next));
    one.place.querySelectorAll('.strip').forEach((strip, i) => {
      strip.scrollLeft = scrolled[i] ?? 0;
    });
  }
  drawn.update(next, smooth);
}
