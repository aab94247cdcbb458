/** The page: shows what the worker tells, and asks it for what a person wants. */
import {
  FIRST_PROMPT,
  type FromWorker,
  type Group,
  type Mode,
  type Ready,
  type StepReport,
} from '../messages.js';
import { alertOf, clearAlerts } from './alerts.js';
import { lineChart } from './chart.js';
import { byId, el } from './dom.js';
import { askedOf, startTrainer } from './engine.js';
import { count, fixed, short } from './format.js';
import { groupView } from './group.js';
import { guideView } from './guide.js';
import { clearNumbers, showNumbers } from './numbers.js';
import { settingsForm } from './settings.js';
import { listWords, offerExamples } from './words.js';

const asked = askedOf(location.href);
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
const doing = byId('doing');
const progress = byId<HTMLProgressElement>('progress');

let mode: Mode = 'busy';
/** Whether a person wants training to go on. */
let wanted = false;
let ready: Ready | undefined;
let group: Group | undefined;
let report: StepReport | undefined;
let { settings } = asked;

type Heard = {
  readonly [Kind in FromWorker['kind']]: (message: Extract<FromWorker, { kind: Kind }>) => void;
};

const HEARD: Heard = {
  ready(message) {
    ready = message;
    const { description, workers } = message.engine;
    byId('engine').dataset.state = 'ready';
    byId('engine-text').textContent = workers > 0 ? `${description}; ${workers} workers` : description;
    listWords(message.words);
    for (const id of ['prompt-set', 'run', 'step', 'reset', 'save', 'load', 'replay']) {
      byId<HTMLButtonElement>(id).disabled = false;
    }
  },
  progress({ text, fraction }) {
    doing.textContent = text;
    progress.value = fraction;
  },
  mode({ mode: now, steps }) {
    mode = now;
    if (mode === 'paused') {
      doing.textContent = steps > 0 ? 'paused' : 'ready';
      progress.value = 0;
    }
    byId('step-count').textContent = `Step ${steps}`;
    showMode();
  },
  base(message) {
    pictures.showBase(message.group);
  },
  drawn(message) {
    showGroup(message.group, 'The group, drawn without training');
  },
  stepped({ report: made }) {
    report = made;
    byId('step-count').textContent = `Step ${made.step}`;
    rewardChart.add(made.step, [made.reward, made.judge]);
    klChart.add(made.step, [made.levels.plan.kl, made.levels.picture.kl]);
    showNumbers(made);
    for (const finding of made.findings) alertOf(finding, 'warning');
    showGroup(made.group, `The group of step ${made.step}`);
  },
  reset() {
    report = undefined;
    rewardChart.clear();
    klChart.clear();
    clearNumbers();
    note('');
  },
  saved({ name, bytes }) {
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
    el('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    const size = count(Math.round(bytes.byteLength / 1024));
    alertOf(`Saved ${name}, ${size} kB: “Load weights…” reads it, and so does bicot’s loadWeights.`, 'info');
  },
  loaded({ name }) {
    alertOf(`Loaded ${name}. Training goes on from these weights.`, 'info');
  },
  refused({ what, message }) {
    if (what === 'weights') return void alertOf(message, 'error');
    note(message, true);
    byId<HTMLDetailsElement>('words').open = true;
    promptInput.focus();
  },
  failed({ message, fatal }) {
    wanted = false;
    if (fatal) {
      byId('engine').dataset.state = 'failed';
      byId('engine-text').textContent = 'Not running';
      doing.textContent = '';
      progress.value = 0;
    }
    alertOf(message, 'error');
    showMode();
  },
};

const trainer = startTrainer(
  <Kind extends FromWorker['kind']>(message: Extract<FromWorker, { kind: Kind }>) => {
    const hear = HEARD[message.kind as Kind] as (message: Extract<FromWorker, { kind: Kind }>) => void;
    hear(message);
  },
);

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
  const start = report ? 'Resume training' : 'Start training';
  runButton.textContent = wanted ? 'Pause' : pausing ? 'Pausing after this step…' : start;
  byId<HTMLButtonElement>('step').disabled = !ready || wanted || mode !== 'paused';
  document.body.dataset.mode = mode;
}

function note(text: string, bad = false): void {
  const line = byId('prompt-note');
  line.textContent = text;
  line.classList.toggle('bad', bad);
  promptInput.setAttribute('aria-invalid', String(bad));
}

function ask(text: string): void {
  note('');
  trainer.tell({ kind: 'prompt', text });
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
  clearAlerts();
  showMode();
});
byId('save').addEventListener('click', () => trainer.tell({ kind: 'save' }));
const fileInput = byId<HTMLInputElement>('load-file');
byId('load').addEventListener('click', () => fileInput.click());
fileInput.addEventListener('change', async () => {
  const file = fileInput.files?.[0];
  if (!file) return;
  const bytes = await file.arrayBuffer();
  fileInput.value = '';
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
trainer.tell({ kind: 'start', ...asked, prompt: FIRST_PROMPT });
