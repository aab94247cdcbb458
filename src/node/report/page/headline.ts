import type { ChangeData, HeadlineData, ReportData, RunData } from '../report-data.js';
import { swatch } from './colors.js';
import { h, scrollingTable } from './dom.js';
import { badge } from './findings.js';
import { counted, duration, figures, signed, time, whole } from './format.js';

/** What is told in the first ten seconds: cards for one run, a table for several. */
export function headline({ runs }: ReportData): HTMLElement {
  const [only] = runs;
  return runs.length === 1 && only ? cards(only) : scrollingTable('Runs at a glance', table(runs));
}

function cards({ headline: of }: RunData): HTMLElement {
  return h(
    'div',
    { class: 'cards' },
    card('Steps', stepsText(of), [progress(of), h('p', { class: 'note' }, chip(of), ` ${stateText(of)}`)]),
    changeCard('Reward', of.reward),
    of.judge && changeCard(of.judge.name, of.judge, 'watched, not trained'),
    card('Findings', findingsText(of), [worst(of)]),
  );
}

function card(title: string, value: string, more: readonly (HTMLElement | undefined)[]): HTMLElement {
  return h('div', { class: 'card' }, h('h3', {}, title), h('p', { class: 'big' }, value), ...more);
}

function changeCard(title: string, change: ChangeData | undefined, tag?: string): HTMLElement {
  if (change === undefined) return card(title, '–', [h('p', { class: 'note' }, 'No step has one yet.')]);
  const over = change.over === 1 ? 'first and last step' : `means of the first and last ${change.over} steps`;
  return card(title, changeText(change), [
    h(
      'p',
      { class: 'note' },
      h('b', {}, signed(change.to - change.from)),
      `, ${over}`,
      tag ? `; ${tag}` : '',
    ),
  ]);
}

function table(runs: readonly RunData[]): HTMLTableElement {
  const head = ['Run', 'Steps', 'Reward', 'Judge', 'Findings', 'State'];
  return h(
    'table',
    { class: 'glance' },
    h('thead', {}, h('tr', {}, ...head.map((title) => h('th', { scope: 'col' }, title)))),
    h(
      'tbody',
      {},
      ...runs.map(({ name, headline: of }, run) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, swatch(run), name),
          h('td', {}, stepsText(of)),
          h('td', {}, of.reward ? changeText(of.reward) : '–'),
          h('td', {}, of.judge ? `${changeText(of.judge)} (${of.judge.name})` : '–'),
          h('td', {}, of.worst ? badge(of.worst.severity) : '', ` ${of.worst?.code ?? 'none'}`),
          h('td', {}, chip(of), ` ${stateText(of)}`),
        ),
      ),
    ),
  );
}

const changeText = ({ from, to }: ChangeData): string => `${figures(from)} → ${figures(to)}`;

const stepsText = ({ done, total }: HeadlineData): string =>
  total === undefined ? whole(done) : `${whole(done)} of ${whole(total)}`;

function progress({ done, total }: HeadlineData): HTMLElement | undefined {
  if (total === undefined) return undefined;
  return h('progress', { max: total, value: Math.min(done, total), 'aria-label': 'Steps done' });
}

const CHIPS = { waiting: 'Waiting', running: 'Running', finished: 'Finished', stopped: 'Stopped' } as const;

const chip = ({ state }: HeadlineData): HTMLElement => h('span', { class: `chip ${state}` }, CHIPS[state]);

function stateText({ state, secondsLeft, writtenAt }: HeadlineData): string {
  if (state === 'waiting') return 'for the first step';
  if (secondsLeft !== undefined) return `about ${duration(secondsLeft)} left`;
  return writtenAt === undefined ? '' : `last step ${time(writtenAt)}`;
}

const SEVERITIES = ['error', 'warning', 'note'] as const;

/** How many there are of the worst kind. */
function findingsText({ findings, worst: of }: HeadlineData): string {
  const severity = SEVERITIES.find((name) => name === of?.severity);
  return severity === undefined ? 'None' : counted(findings[severity], severity);
}

function worst({ findings, worst: of }: HeadlineData): HTMLElement {
  if (of === undefined) return h('p', { class: 'note' }, 'Nothing that a person should look at.');
  const others = SEVERITIES.filter((severity) => severity !== of.severity && findings[severity] > 0)
    .map((severity) => counted(findings[severity], severity))
    .join(', ');
  return h(
    'p',
    { class: 'note' },
    badge(of.severity),
    ' ',
    h('a', { href: '#findings', id: 'worst' }, of.code),
    `: ${of.message}`,
    others && ` (and ${others})`,
  );
}
