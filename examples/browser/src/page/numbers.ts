import type { LevelReport, StepReport } from '../messages.js';
import { byId, el } from './dom.js';
import { count, fixed, percent, short } from './format.js';

const ROWS: readonly (readonly [string, (level: LevelReport) => string])[] = [
  ['tokens sampled', ({ tokens }) => count(tokens)],
  ['tokens of one try', ({ meanLength }) => fixed(meanLength, 1)],
  ['entropy, nats', ({ entropy }) => fixed(entropy, 3)],
  ['KL to the base', ({ kl }) => short(kl)],
  ['max |ratio − 1| at first', ({ maxRatioDeviation }) => short(maxRatioDeviation)],
  ['clipped tokens', ({ clipFraction }) => percent(clipFraction)],
  ['norm of the gradient', ({ gradNorm }) => fixed(gradNorm, 3)],
];

/** Shows the numbers of a step, a column for each level. */
export function showNumbers(report: StepReport): void {
  const { plan, picture } = report.levels;
  const head = el(
    'tr',
    {},
    el('th', { scope: 'col' }, ''),
    el('th', { scope: 'col', class: 'plan-ink' }, 'plan'),
    el('th', { scope: 'col', class: 'picture-ink' }, 'picture'),
  );
  const facts: [string, string][] = [
    ['pictures', count(report.samples)],
    ['groups without a lesson', count(report.flatGroups)],
    ['loss', fixed(report.loss, 4)],
    [`gradient norm, cut at ${report.maxGradNorm}`, fixed(report.gradNorm, 3)],
    ['learning rate', short(report.learningRate)],
    ['seconds', fixed(report.seconds, 2)],
    ['tokens a second', count(Math.round(report.tokensPerSecond))],
    ['tensors', count(report.memory.tensors)],
    ['memory of tensors', `${(report.memory.bytes / 2 ** 20).toFixed(1)} MB`],
  ];
  byId('numbers-table').replaceChildren(
    el(
      'div',
      { class: 'numbers' },
      el(
        'table',
        {},
        el('thead', {}, head),
        el(
          'tbody',
          {},
          ...ROWS.map(([name, value]) =>
            el(
              'tr',
              {},
              el('th', { scope: 'row' }, name),
              el('td', {}, value(plan)),
              el('td', {}, value(picture)),
            ),
          ),
        ),
      ),
      el(
        'table',
        {},
        el(
          'tbody',
          {},
          ...facts.map(([name, value]) =>
            el('tr', {}, el('th', { scope: 'row' }, name), el('td', {}, value)),
          ),
        ),
      ),
    ),
  );
}

/** Without a step there is nothing to show. */
export function clearNumbers(): void {
  byId('numbers-table').replaceChildren(el('p', { class: 'note' }, 'No step has been made yet.'));
}
