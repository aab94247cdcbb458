/** The page: shows what the worker tells, and asks it for what a person wants. */
import {
  DEFAULT_SETTINGS,
  FIRST_PROMPT,
  type FromWorker,
  type Group,
  type Mode,
  type Ready,
  type Settings,
  type StepReport,
} from '../messages.js';
import { lineChart } from './chart.js';
import { byId, el } from './dom.js';
import { askedOf, startTrainer } from './engine.js';
import { count, fixed, short } from './format.js';
import { groupView } from './group.js';
import { guideView } from './guide.js';
import { clearNumbers, showNumbers } from './numbers.js';
import { settingsForm } from './settings.js';
import { listWords, offerExamples } from './words.js';

const trainer = startTrainer(heard);
const pictures = groupView();
const guide = guideView();
const rewardChart = lineChart(byId('reward-chart'), {
  title: 'Reward',
  series: [
    { name: 'reward', color: '--reward' },
    { name: 'judge accepts', color: '--judge', dashed: true },
  ],
  format: (value) => fixed(value),
  atLeast: 1,
  note: 'Mean over all pictures of a step; lines are running means. The judge is never trained on.',
});
const klChart = lineChart(byId('kl-chart'), {
  title: 'KL to the base model',
  series: [
    { name: 'plan', color: '--plan' },
    { name: 'picture', color: '--picture', dashed: true },
  ],
  format: short,
  atLeast: 0.01,
  note: 'Nats a token (k3 estimate). How far the model has moved from where it began.',
});

const promptInput = byId<HTMLInputElement>('prompt');
const runButton = byId<HTMLButtonElement>('run');
let mode: Mode = 'busy';
/** Whether a person wants training to go on. */
let wanted = false;
let ready: Ready | undefined;
let group: Group | undefined;
let report: StepReport | undefined;
let settings: Settings = DEFAULT_SETTINGS;

function heard(message: FromWorker): void {
  switch (message.kind) {
    case 'ready':
      ready = message;
      byId('engine').dataset.state = 'ready';
      byId('engine-text').textContent = engineText(message.engine);
      listWords(message.words);
      for (const id of ['prompt-set', 'run', 'step', 'reset', 'save', 'load', 'replay']) {
        byId<HTMLButtonElement>(id).disabled = false;
      }
      return;
    case 'progress':
      byId('doing').textContent = message.text;
      byId<HTMLProgressElement>('progress').value = message.fraction;
      return;
    case 'mode':
      mode = message.mode;
      if (mode === 'paused') {
        byId('doing').textContent = wanted ? '' : 'paused';
        byId<HTMLProgressElement>('progress').value = 0;
      }
      byId('step-count').textContent = `Step ${message.steps}`;
      return showMode();
    case 'drawn':
      return showGroup(message.group, 'The group, drawn without training');
    case 'stepped':
      return stepped(message.report);
    case 'reset':
      report = undefined;
      rewardChart.clear();
      klChart.clear();
      clearNumbers();
      note('');
      return;
    case 'saved':
      return download(message.name, message.bytes);
    case 'loaded':
      return alertOf(`Loaded ${message.name}. Training goes on from these weights.`, 'info');
    case 'refused':
      if (message.what === 'prompt') return refusePrompt(message.message);
      return alertOf(message.message, 'error');
    case 'failed':
      wanted = false;
      if (message.fatal) {
        byId('engine').dataset.state = 'failed';
        byId('engine-text').textContent = 'Not running';
        byId('doing').textContent = '';
      }
      alertOf(message.message, 'error');
      return showMode();
  }
}

function engineText({ description, workers }: Ready['engine']): string {
  return workers > 0 ? `${description}, ${workers} workers` : description;
}

function stepped(made: StepReport): void {
  report = made;
  byId('step-count').textContent = `Step ${made.step}`;
  rewardChart.add(made.step, [made.reward, made.judge]);
  klChart.add(made.step, [made.levels.plan.kl, made.levels.picture.kl]);
  showNumbers(made);
  for (const finding of made.findings) alertOf(finding, 'warning');
  showGroup(made.group, `The group of step ${made.step}`);
}

function showGroup(shown: Group, title: string): void {
  group = shown;
  pictures.show(shown, title);
  if (document.activeElement !== promptInput) promptInput.value = shown.prompt;
  tellGuide();
}

function tellGuide(): void {
  if (ready && group) guide.know({ ready, settings, group, ...(report && { report }) });
}

function showMode(): void {
  const pausing = !wanted && mode === 'running';
  runButton.textContent = wanted
    ? 'Pause'
    : pausing
      ? 'Pausing after this step…'
      : report
        ? 'Resume training'
        : 'Start training';
  runButton.setAttribute('aria-pressed', String(wanted));
  byId<HTMLButtonElement>('step').disabled = !ready || wanted || mode !== 'paused';
  document.body.dataset.mode = mode;
}

function note(text: string, bad = false): void {
  const line = byId('prompt-note');
  line.textContent = text;
  line.classList.toggle('bad', bad);
  promptInput.setAttribute('aria-invalid', String(bad));
}

function refusePrompt(message: string): void {
  note(message, true);
  byId<HTMLDetailsElement>('words').open = true;
  promptInput.focus();
}

function ask(text: string): void {
  note('');
  trainer.tell({ kind: 'prompt', text });
}

function alertOf(text: string, kind: 'info' | 'warning' | 'error'): void {
  const close = el('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss' }, '×');
  const box = el('div', { class: `alert ${kind}` }, el('p', {}, text), close);
  close.addEventListener('click', () => box.remove());
  const alerts = byId('alerts');
  // The same words twice say no more.
  for (const old of [...alerts.children]) if (old.querySelector('p')?.textContent === text) old.remove();
  alerts.append(box);
  while (alerts.childElementCount > 4) alerts.firstElementChild?.remove();
}

function download(name: string, bytes: ArrayBuffer): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  el('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  alertOf(
    `Saved ${name}, ${count(Math.round(bytes.byteLength / 1024))} kB: what “Load weights…” and bicot’s loadWeights read.`,
    'info',
  );
}

byId('prompt-form').addEventListener('submit', (event) => {
  event.preventDefault();
  ask(promptInput.value);
});
offerExamples((text) => {
  promptInput.value = text;
  ask(text);
});
runButton.addEventListener('click', () => {
  wanted = !wanted;
  trainer.tell({ kind: wanted ? 'run' : 'pause' });
  showMode();
});
byId('step').addEventListener('click', () => trainer.tell({ kind: 'step' }));
byId('reset').addEventListener('click', () => {
  wanted = false;
  trainer.tell({ kind: 'pause' });
  trainer.tell({ kind: 'reset' });
  byId('alerts').replaceChildren();
  showMode();
});
byId('save').addEventListener('click', () => trainer.tell({ kind: 'save' }));
const fileInput = byId<HTMLInputElement>('load-file');
byId('load').addEventListener('click', () => fileInput.click());
fileInput.addEventListener('change', async () => {
  const file = fileInput.files?.[0];
  fileInput.value = '';
  if (!file) return;
  const bytes = await file.arrayBuffer();
  trainer.tell({ kind: 'load', name: file.name, bytes }, [bytes]);
});
byId('replay').addEventListener('click', () => pictures.replay());
const certainty = byId<HTMLInputElement>('certainty');
certainty.addEventListener('change', () => pictures.showCertainty(certainty.checked));
settingsForm(settings, (changed) => {
  settings = changed;
  trainer.tell({ kind: 'settings', settings });
  tellGuide();
});

promptInput.value = FIRST_PROMPT;
if (matchMedia('(min-width: 1000px)').matches) guide.open();
trainer.tell({ kind: 'start', ...askedOf(location.href), prompt: FIRST_PROMPT, settings });
