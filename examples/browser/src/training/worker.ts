/** The Web Worker in which the training runs, so that the page stays free. */
import { isBicotError, type TrainProgress } from 'bicot';
import { REWARD_WEIGHTS } from '../../../emoji/experiment.js';
import { FACTS } from '../../../emoji/facts.js';
import { numberWord } from '../../../emoji/forms.js';
import { MOST } from '../../../emoji/holdout.js';
import { WORLD_LOCALITIES } from '../../../emoji/localities.js';
import { COLORS, NOUNS } from '../../../emoji/nouns.js';
import { readPrompt } from '../../../emoji/read-prompt.js';
import { demoSettings } from '../../../emoji/settings.js';
import { TOKENIZER } from '../../../emoji/vocabulary.js';
import type { FromWorker, Group, Mode, StartOptions, ToWorker } from '../messages.js';
import { fetchAssets } from './assets.js';
import { startEngine } from './engine.js';
import { progressOf } from './progress.js';
import { type Session, startSession } from './session.js';

const scope = globalThis as unknown as {
  postMessage(message: FromWorker, transfer: Transferable[]): void;
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
};
const post = (message: FromWorker, transfer: Transferable[] = []): void =>
  scope.postMessage(message, transfer);

/** What must be done between two steps, in the order in which it was asked for. */
const tasks: (() => Promise<void>)[] = [];
let session: Session | undefined;
let goOn = false;
let single = 0;
let wake = (): void => {};

scope.onmessage = ({ data }) => {
  if (data.kind === 'start') void begin(data);
  else if (data.kind === 'run') goOn = true;
  else if (data.kind === 'step') single++;
  else if (data.kind === 'pause') {
    goOn = false;
    single = 0;
  } else tasks.push(() => doTask(data));
  wake();
};

async function begin({ prompt, settings, seed, ...asked }: StartOptions): Promise<void> {
  try {
    post({ kind: 'progress', text: 'Fetching the base model', fraction: 0.1 });
    const assets = await fetchAssets();
    post({ kind: 'progress', text: 'Starting the engine', fraction: 0.4 });
    const { parallel, ...started } = await startEngine(asked);
    const first = readPrompt(prompt);
    if (first.kind === 'problem') throw new Error(first.message);
    post({ kind: 'progress', text: 'Building the model', fraction: 0.6 });
    session = await startSession(assets, {
      prompt: first.row,
      ...{ settings, seed, parallel, onProgress: tellProgress },
    });
    const { trainSampling } = demoSettings();
    post({
      kind: 'ready',
      engine: started,
      words: {
        nouns: NOUNS.map(({ noun }) => noun),
        tinted: NOUNS.filter(({ tinted }) => tinted).map(({ noun }) => noun),
        colors: COLORS,
        numbers: Array.from({ length: MOST }, (_, i) => numberWord(i + 1)),
        places: WORLD_LOCALITIES,
        riddles: FACTS.flatMap(({ phrases }) => phrases),
      },
      model: {
        parameters: session.parameters,
        words: TOKENIZER.size,
        ...session.picture,
      },
      rewards: REWARD_WEIGHTS,
      temperature: {
        plan: trainSampling.semantic.temperature ?? 1,
        picture: trainSampling.token.temperature ?? 1,
      },
      clip: 0.2,
    });
    tasks.unshift(drawGroup);
    await work(session);
  } catch (error) {
    post({ kind: 'failed', message: inWords(error), fatal: true });
  }
}

/** One thing after the other: tasks first, then steps, then sleep. */
async function work(own: Session): Promise<void> {
  let told: string | undefined;
  const tell = (mode: Mode): void => {
    if (told === `${mode} ${own.steps}`) return;
    told = `${mode} ${own.steps}`;
    post({ kind: 'mode', mode, steps: own.steps });
  };
  for (;;) {
    // A step on wasm never lets go of the thread by itself, and messages wait for that.
    await new Promise((resolve) => setTimeout(resolve));
    const task = tasks.shift();
    try {
      if (task) {
        tell('busy');
        await task();
      } else if (goOn || single > 0) {
        tell(goOn ? 'running' : 'stepping');
        single = Math.max(0, single - 1);
        const report = await own.step();
        post({ kind: 'stepped', report }, buffersOf(report.group));
      } else {
        tell('paused');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } catch (error) {
      [goOn, single] = [false, 0];
      post({ kind: 'failed', message: inWords(error), fatal: false });
      await own.change(own.settings);
    }
  }
}

type Task = Exclude<ToWorker, { kind: 'start' | 'run' | 'step' | 'pause' }>;

async function doTask(message: Task): Promise<void> {
  const own = session as Session;
  switch (message.kind) {
    case 'prompt': {
      const read = readPrompt(message.text);
      if (read.kind === 'problem') return post({ kind: 'refused', what: 'prompt', message: read.message });
      own.prompt = read.row;
      return drawGroup();
    }
    case 'settings': {
      const redraw = message.settings.groupSize !== own.settings.groupSize;
      await own.change(message.settings);
      return redraw ? drawGroup() : undefined;
    }
    case 'reset':
      await own.reset();
      post({ kind: 'reset' });
      return drawGroup();
    case 'save': {
      const { buffer } = await own.save();
      return post({ kind: 'saved', name: `bicot-emoji-step-${own.steps}.safetensors`, bytes: buffer }, [
        buffer,
      ]);
    }
    case 'load':
      try {
        await own.load(new Uint8Array(message.bytes), message.name);
      } catch (error) {
        if (!isBicotError(error, 'safetensors')) throw error;
        return post({ kind: 'refused', what: 'weights', message: error.message });
      }
      post({ kind: 'loaded', name: message.name });
      return drawGroup();
  }
}

async function drawGroup(): Promise<void> {
  const own = session as Session;
  const base = await own.drawBase();
  post({ kind: 'base', group: base });
  const group = own.untouched ? base : await own.draw();
  post({ kind: 'drawn', group }, buffersOf(group));
}

const buffersOf = ({ tries }: Group): ArrayBuffer[] =>
  tries.flatMap(({ pixels, tokenProbabilities }) => [pixels.buffer, tokenProbabilities.buffer]);

/** More often than this nobody could read it, and every message wakes the page. */
const TELL_EVERY_MS = 100;
let toldAt = 0;

function tellProgress(progress: TrainProgress): void {
  const now = performance.now();
  if (now - toldAt < TELL_EVERY_MS) return;
  toldAt = now;
  post({ kind: 'progress', ...progressOf(progress) });
}

function inWords(error: unknown): string {
  if (isBicotError(error)) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
