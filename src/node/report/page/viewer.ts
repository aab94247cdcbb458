import type { PictureData } from '../report-data.js';
import { h } from './dom.js';
import { number } from './format.js';
import { scoreList } from './pictures.js';

/** A picture with what is known of it. */
interface Viewed {
  readonly picture: PictureData;
  readonly prompt: string;
  readonly title: string;
  readonly alt: string;
}

/** Shows a picture large, with its whole plan; Escape closes it. */
export function enlarge({ picture, prompt, title, alt }: Viewed): void {
  const { source, plan, total, scores } = picture;
  const close = h('button', { type: 'button', onclick: () => dialog.close() }, 'Close');
  const dialog = h(
    'dialog',
    { class: 'viewer', 'aria-label': alt },
    h('img', { src: source, alt }),
    h(
      'div',
      {},
      h('h2', {}, prompt),
      h('p', { class: 'note' }, `${title}, total ${number(total)}`),
      plan !== undefined && h('p', {}, h('b', {}, 'Plan: '), plan),
      scoreList(scores),
      close,
    ),
  );
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
