import type { FindingData, ReportData } from '../report-data.js';
import { h } from './dom.js';
import { counted, whole } from './format.js';

/** A shape beside the colour, for who sees no colours. */
const SIGNS: Readonly<Record<string, string>> = { error: '▲', warning: '◆', note: '●' };

/** A severity, as a word and a sign. */
export const badge = (severity: string): HTMLElement =>
  h('span', { class: `badge is-${severity}` }, `${SIGNS[severity] ?? '●'} ${severity}`);

/** Where something was found, for the charts: one per step, the most severe. */
export function findingMarks({ runs }: ReportData): Map<number, string> {
  const marks = new Map<number, string>();
  const order = ['note', 'warning', 'error'];
  for (const { severity, steps } of runs.flatMap(({ findings }) => findings)) {
    for (const step of steps) {
      if (order.indexOf(severity) >= order.indexOf(marks.get(step) ?? 'note')) marks.set(step, severity);
    }
  }
  return marks;
}

/** The list with evidence and what to do. @param show points at a step in all charts */
export function findingsList({ runs }: ReportData, show: (step: number) => void): HTMLElement {
  const several = runs.length > 1;
  const items = runs.flatMap(({ name, findings, findingsLeftOut }) => [
    ...findings.map((finding) => one(finding, several ? name : undefined, show)),
    ...(findingsLeftOut > 0
      ? [
          h(
            'li',
            { class: 'note' },
            `${counted(findingsLeftOut, 'more kind')} of findings of ${name} left out.`,
          ),
        ]
      : []),
  ]);
  if (items.length === 0)
    return h('p', { class: 'note' }, 'No findings: nothing that a person should look at.');
  return h('ul', { class: 'findings' }, ...items);
}

function one(finding: FindingData, run: string | undefined, show: (step: number) => void): HTMLElement {
  const { code, severity, message, evidence, suggestion, level, reward } = finding;
  const about = [run, level && `level ${level}`, reward && `reward ${reward}`].filter(Boolean).join(', ');
  return h(
    'li',
    { class: `finding is-${severity}` },
    h('h3', {}, badge(severity), ' ', h('code', {}, code), about ? ` (${about})` : ''),
    h('p', {}, message),
    h(
      'dl',
      {},
      ...(evidence ? [h('dt', {}, 'Measured'), h('dd', {}, evidence)] : []),
      ...(suggestion ? [h('dt', {}, 'To do'), h('dd', {}, suggestion)] : []),
      ...where(finding, show),
    ),
  );
}

function where({ steps }: FindingData, show: (step: number) => void): HTMLElement[] {
  const [first] = steps;
  if (first === undefined) return [];
  const last = steps.at(-1) as number;
  const button = (step: number) =>
    h(
      'button',
      {
        type: 'button',
        class: 'link',
        'aria-label': `Show step ${step} in the charts`,
        onclick: () => show(step),
      },
      `step ${whole(step)}`,
    );
  return [
    h('dt', {}, 'Seen'),
    h(
      'dd',
      {},
      ...(steps.length === 1
        ? [button(first)]
        : [`${whole(steps.length)} times, first at `, button(first), ', last at ', button(last)]),
    ),
  ];
}
