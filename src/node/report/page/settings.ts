import type { ReportData } from '../report-data.js';
import { h, scrollingTable } from './dom.js';

/** The configurations beside each other; of several runs, what differs comes first and is marked. */
export function settings({ runs }: ReportData): HTMLElement {
  const paths = [...new Set(runs.flatMap(({ config }) => config.map(([path]) => path)))];
  if (paths.length === 0) return h('p', { class: 'note' }, 'There is no config.json.');
  const byRun = runs.map(({ config }) => new Map(config));
  const rows = paths.map((path) => {
    const values = byRun.map((config) => config.get(path));
    return { path, values, differs: new Set(values).size > 1 };
  });
  rows.sort((a, b) => Number(b.differs) - Number(a.differs));
  const head = ['Setting', ...(runs.length > 1 ? runs.map(({ name }) => name) : ['Value'])];
  return scrollingTable(
    'Settings',
    h(
      'table',
      { class: 'settings' },
      h('thead', {}, h('tr', {}, ...head.map((title) => h('th', { scope: 'col' }, title)))),
      h(
        'tbody',
        {},
        ...rows.map(({ path, values, differs }) =>
          h(
            'tr',
            { class: differs ? 'differs' : undefined },
            h('th', { scope: 'row' }, path, differs ? h('span', { class: 'tag' }, 'differs') : ''),
            ...values.map((value) => h('td', {}, value ?? '–')),
          ),
        ),
      ),
    ),
  );
}
