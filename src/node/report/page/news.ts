import type { ReportData } from '../report-data.js';
import { h, memory } from './dom.js';
import { time } from './format.js';

const ASK_EVERY_MS = 2000;

/**
 * How a page gets news, with what the reader sees of it. A served page asks its server. A file cannot ask anybody: it
 * loads itself again, when told to or every so often while a run goes on.
 * @param onNews told of newer data
 */
export function news(data: ReportData, onNews: (data: ReportData) => void): HTMLElement {
  return data.live ? followServer(onNews) : reloading(data);
}

function followServer(onNews: (data: ReportData) => void): HTMLElement {
  const status = h('p', { role: 'status', class: 'news live', id: 'news' }, 'Live');
  const say = (text: string) => {
    if (status.textContent !== text) status.textContent = text;
  };
  let tag = '';
  const ask = async () => {
    try {
      const answer = await fetch('data.json', tag === '' ? {} : { headers: { 'If-None-Match': tag } });
      if (answer.status === 200) {
        const next = (await answer.json()) as ReportData;
        const newTag = answer.headers.get('ETag') ?? '';
        if (newTag !== tag) onNews(next);
        tag = newTag;
      } else if (answer.status !== 304) throw new Error((await answer.text()).trim());
      status.classList.remove('lost');
      say('Live');
    } catch {
      status.classList.add('lost');
      say('Connection lost: is bicot watch still running?');
    }
    setTimeout(ask, ASK_EVERY_MS);
  };
  void ask();
  return status;
}

function reloading({ madeAt, reloadSeconds, runs }: ReportData): HTMLElement {
  const written = h('span', {}, `Written ${time(madeAt)}`);
  const button = h(
    'button',
    { type: 'button', class: 'quiet', id: 'reload', onclick: () => location.reload() },
    'Reload',
  );
  const running = runs.some(({ headline }) => headline.state === 'running' || headline.state === 'waiting');
  if (!running || reloadSeconds === 0) return h('div', { class: 'news' }, written, button);
  let timer = 0;
  const box = h('input', { type: 'checkbox', id: 'auto-reload', checked: memory.get('reload') !== 'no' });
  const set = () => {
    clearTimeout(timer);
    if (box.checked) timer = window.setTimeout(() => location.reload(), 1000 * reloadSeconds);
  };
  box.addEventListener('change', () => {
    memory.set('reload', box.checked ? 'yes' : 'no');
    set();
  });
  set();
  return h(
    'div',
    { class: 'news' },
    written,
    button,
    h('label', {}, box, ` Reload every ${reloadSeconds} s`),
  );
}
