import { byId, el } from './dom.js';

/** Older ones give way. */
const MOST = 4;

/** Says something at the top of the page until it is dismissed. */
export function alertOf(text: string, kind: 'info' | 'warning' | 'error'): void {
  const alerts = byId('alerts');
  const close = el('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss' }, '×');
  const box = el('div', { class: `alert ${kind}` }, el('p', {}, text), close);
  close.addEventListener('click', () => box.remove());
  // The same words twice say no more.
  for (const old of [...alerts.children]) if (old.querySelector('p')?.textContent === text) old.remove();
  alerts.append(box);
  while (alerts.childElementCount > MOST) alerts.firstElementChild?.remove();
}

/** Takes them all away. */
export function clearAlerts(): void {
  byId('alerts').replaceChildren();
}
