import type { GroupData, PictureData, ReportData, RunData } from '../report-data.js';
import { h } from './dom.js';
import { figures, whole } from './format.js';
import { enlarge } from './viewer.js';

/** The step whose groups are shown, by run; kept when the page is told more. */
const chosenStep = new Map<string, number>();

/** What the models drew: the same prompts through training, and the best and worst groups of a step. */
export function pictures({ runs }: ReportData): HTMLElement {
  const some = runs.filter(({ tracked, groups }) => tracked.length + groups.length > 0);
  if (some.length === 0) return h('p', { class: 'note' }, 'No pictures were logged.');
  return h('div', {}, ...some.map((run) => ofRun(run, runs.length > 1)));
}

function ofRun(run: RunData, named: boolean): HTMLElement {
  const { name, tracked, groups, picturesNote } = run;
  return h(
    'div',
    { class: 'pictures-of' },
    named && h('h3', { class: 'run-name' }, name),
    tracked.length > 0 && h('h3', {}, 'The same prompts through training'),
    ...tracked.map(({ prompt, pictures: of }) =>
      h(
        'div',
        { class: 'prompt' },
        h('h4', {}, prompt),
        strip(`Pictures of “${prompt}” by step`, prompt, of),
      ),
    ),
    groups.length > 0 && bestAndWorst(run),
    picturesNote !== '' && h('p', { class: 'note' }, picturesNote),
  );
}

function strip(label: string, prompt: string, of: readonly PictureData[]): HTMLElement {
  return h(
    'ol',
    { class: 'strip', 'aria-label': label, tabindex: 0 },
    ...of.map((picture) => h('li', {}, figure(picture, prompt, `step ${whole(picture.step)}`))),
  );
}

function bestAndWorst({ name, groups }: RunData): HTMLElement {
  const steps = [...new Set(groups.map(({ step }) => step))];
  const last = steps.at(-1) as number;
  const wanted = chosenStep.get(name) ?? last;
  const at = steps.includes(wanted) ? wanted : last;
  const place = h('div', { class: 'groups' });
  const show = (step: number) =>
    place.replaceChildren(...groups.filter((group) => group.step === step).map(oneGroup));
  const choice = h(
    'select',
    {
      onchange: ({ target }) => {
        const step = Number((target as HTMLSelectElement).value);
        chosenStep.set(name, step);
        show(step);
      },
    },
    ...steps.map((step) => h('option', { value: step, selected: step === at }, whole(step))),
  );
  show(at);
  return h(
    'div',
    {},
    h('h3', {}, 'Best and worst group of a step'),
    h('p', {}, h('label', {}, 'Step ', choice)),
    place,
  );
}

function oneGroup({ kind, step, prompt, pictures: of }: GroupData): HTMLElement {
  return h(
    'section',
    { class: `group ${kind}`, 'aria-label': `${kind === 'best' ? 'Best' : 'Worst'} group of step ${step}` },
    h('h4', {}, h('span', { class: 'tag' }, kind === 'best' ? '▲ best' : '▼ worst'), ` ${prompt}`),
    h(
      'ul',
      { class: 'grid' },
      ...of.map((picture, i) => h('li', {}, figure(picture, prompt, `no. ${i + 1}`))),
    ),
  );
}

function figure(picture: PictureData, prompt: string, title: string): HTMLElement {
  const { source, plan, total, scores } = picture;
  const alt = `Picture of “${prompt}”, ${title}${total === null ? '' : `, total ${figures(total)}`}`;
  const image =
    source !== undefined &&
    h('img', {
      src: source,
      alt,
      ...(source.startsWith('data:') ? {} : { loading: 'lazy' }),
      decoding: 'async',
    });
  return h(
    'figure',
    {},
    image
      ? h(
          'button',
          {
            type: 'button',
            class: 'picture',
            'aria-haspopup': 'dialog',
            onclick: () => enlarge({ picture, prompt, title, alt }),
          },
          image,
        )
      : h('div', { class: 'picture missing' }, 'no picture'),
    h(
      'figcaption',
      {},
      h('span', { class: 'line' }, h('span', {}, title), h('b', {}, figures(total))),
      plan !== undefined && h('p', { class: 'plan' }, plan),
      Object.keys(scores).length > 0 &&
        h('details', {}, h('summary', { 'aria-label': `Scores, ${title}` }, 'Scores'), scoreList(scores)),
    ),
  );
}

/** What every reward said. */
export function scoreList(scores: PictureData['scores']): HTMLElement {
  return h(
    'dl',
    { class: 'scores' },
    ...Object.entries(scores).flatMap(([name, score]) => [h('dt', {}, name), h('dd', {}, figures(score))]),
  );
}
