import { byId, el } from './dom.js';
import { GUIDE, type Known } from './guide-text.js';

/** The explanation beside the page. */
export interface GuideView {
  /** Speaks of these numbers from now on. */
  know(known: Known): void;
  open(): void;
}

/** Fills `#guide` and points at the part of the page that a step is about. */
export function guideView(): GuideView {
  const panel = byId('guide');
  const opener = byId('guide-open');
  let known: Known | undefined;
  let at = 0;

  const title = el('h2', { id: 'guide-title', tabIndex: -1 });
  const body = el('div', { class: 'guide-body' });
  const place = el('p', { class: 'note' });
  const back = el('button', { type: 'button', id: 'guide-back' }, 'Back');
  const next = el('button', { type: 'button', id: 'guide-next', class: 'primary' }, 'Next');
  const close = el(
    'button',
    { type: 'button', id: 'guide-close', class: 'quiet', 'aria-label': 'Close the explanation' },
    '×',
  );
  panel.append(
    el('div', { class: 'heading' }, place, close),
    title,
    body,
    el('div', { class: 'buttons' }, back, next),
  );

  const point = (): void => {
    for (const pointed of document.querySelectorAll('.pointed')) pointed.classList.remove('pointed');
    if (!panel.hidden) byId(GUIDE[at]?.target ?? 'ask').classList.add('pointed');
  };
  const tell = (): void => {
    const step = GUIDE[at];
    if (!step) return;
    place.textContent = `${at + 1} of ${GUIDE.length}`;
    title.textContent = step.title;
    body.replaceChildren(...(known ? step.text(known) : [el('p', {}, 'The model is loading…')]));
    back.disabled = at === 0;
    next.textContent = at === GUIDE.length - 1 ? 'Done' : 'Next';
  };
  const show = (open: boolean): void => {
    panel.hidden = !open;
    document.body.classList.toggle('guided', open);
    opener.setAttribute('aria-expanded', String(open));
    point();
  };
  const go = (to: number): void => {
    at = Math.min(GUIDE.length - 1, Math.max(0, to));
    tell();
    point();
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    byId(GUIDE[at]?.target ?? 'ask').scrollIntoView({ block: 'nearest', behavior: calm ? 'auto' : 'smooth' });
    title.focus({ preventScroll: true });
  };

  back.addEventListener('click', () => go(at - 1));
  next.addEventListener('click', () => {
    if (at === GUIDE.length - 1) {
      show(false);
      opener.focus();
    } else go(at + 1);
  });
  close.addEventListener('click', () => {
    show(false);
    opener.focus();
  });
  panel.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') {
      show(false);
      opener.focus();
    }
  });
  opener.addEventListener('click', () => {
    show(panel.hidden);
    if (!panel.hidden) go(at);
  });
  tell();
  return {
    know(now) {
      known = now;
      if (!panel.hidden) tell();
    },
    open: () => {
      show(true);
      tell();
    },
  };
}
