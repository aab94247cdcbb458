/**
 * The paper's run: Janus-Pro, trained with BiCoT-GRPO (T2I-R1, arXiv 2505.00703). You bring the weights, prompts in T2I-R1's
 * row format, and a module whose default export is a reward:
 *
 *     npx tsx examples/janus-t2i-r1.ts --model Janus-Pro-1B --prompts prompts.jsonl --reward ./my-reward.ts --rank 16
 *
 * Its settings are those of the released training script, `run_grpo.sh`; each is a flag. `--rank 16` trains adapters instead
 * of the whole language model, which is what fits one GPU. `--tiny` runs the very same code on a Janus of 867,427 parameters,
 * in seconds, with a toy reward: a test of the plumbing that learns nothing worth seeing.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as bicot from 'bicot';
import {
  adapterReference,
  type JanusContext,
  janusPrompts,
  loadJanus,
  openFolder,
  PLAN_INSTRUCTION,
  PLAN_SYSTEM,
  saveAdapters,
  saveJanus,
} from 'bicot/models/janus';
import {
  type BackendName,
  readPromptFile,
  runFolder,
  selectBackend,
  stopOnSignals,
  writeReport,
} from 'bicot/node';

/** What `run_grpo.sh` says and what it leaves to the defaults of its trainer (TRL 0.16 and Transformers). */
export const RUN_GRPO = {
  steps: 1600,
  /** B: 8 GPUs, 1 prompt on each, 2 accumulated. */
  'prompts-per-step': 16,
  /** G. */
  'group-size': 8,
  /** Falls to 0 in a straight line, without a warm-up. */
  lr: 1e-6,
  /** Of the k3 penalty. */
  beta: 0.01,
  /** Of the images' classifier-free guidance; log-probs train on the conditional branch. */
  guidance: 5,
  /** The most tokens of a plan. The instruction asks for 50 words, so that few come near. */
  'plan-tokens': 1024,
  /** Gradients are scaled down to this norm. */
  'max-grad-norm': 1,
  seed: 42,
  /** Steps between two saved checkpoints. */
  save: 400,
} as const;

const DEFAULTS = {
  ...RUN_GRPO,
  /** Folder of the checkpoint. */
  model: '',
  /** Prompt rows, JSON Lines or a JSON list. */
  prompts: '',
  /** A module that exports a reward by default. */
  reward: '',
  /** Of the adapters; 0 trains the whole language model, as the paper. */
  rank: 0,
  /** Samples that are decoded side by side: memory, not results. */
  'rows-at-once': 8,
  /** What the device has, so that a run that can't fit is refused at once; 0 if nobody knows. */
  'memory-gb': 0,
  /** `pro`, or `t2i-r1` for weights of T2I-R1. */
  roles: 'pro',
  /** What the planner is told and asked, `{}` standing for the prompt. */
  system: PLAN_SYSTEM,
  instruction: PLAN_INSTRUCTION,
  /** node-gpu, node, wasm or cpu; empty for the best installed. */
  backend: '',
  /** Where metrics, pictures, checkpoints and the report go. */
  out: 'runs/janus-t2i-r1',
  /** Go on with the run that is there. Ctrl-C saves one. */
  resume: false,
  /** The tiny model, a toy reward and two steps. */
  tiny: false,
};
export type Settings = { -readonly [K in keyof typeof DEFAULTS]: Widened<(typeof DEFAULTS)[K]> };
type Widened<T> = T extends number ? number : T extends string ? string : boolean;

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What `--tiny` changes. */
const TINY: Partial<Settings> = {
  model: at('../test/fixtures/janus/original'),
  // Its tokens are bytes, and its sequences short.
  ...{ system: '', instruction: 'Plan {}.' },
  ...{ steps: 2, 'prompts-per-step': 2, 'group-size': 2, 'plan-tokens': 6, lr: 1e-3, save: 1 },
};
const TINY_PROMPTS = ['a red cube', 'two blue birds'].map(
  (prompt): bicot.PromptRow => ({ prompt, task_type: 'object', nouns: [] }),
);

/** The toy: how red a picture is. */
const redness: bicot.RewardFunction<bicot.PromptRow> = async (samples) =>
  samples.map(({ image }) => {
    const { data } = image as bicot.RgbImage;
    let sum = 0;
    for (let i = 0; i < data.length; i += 3) sum += (data[i] as number) - (data[i + 1] as number);
    return bicot.score(sum / data.length);
  });

async function rewardOf(settings: Settings): Promise<bicot.RewardFunction<bicot.PromptRow>> {
  if (settings.reward) {
    const url = new URL(settings.reward, `file://${process.cwd()}/`);
    return (await import(url.href)).default as bicot.RewardFunction<bicot.PromptRow>;
  }
  if (settings.tiny) return redness;
  throw new Error(
    'Name a module that exports a reward by default: --reward ./my-reward.ts. T2I-R1 sums HPSv2, GIT, GroundingDINO and an outcome reward model.',
  );
}

/** Trains; gives the metrics of every step. */
export async function main(flags: Partial<Settings> = {}): Promise<bicot.StepMetrics[]> {
  const settings: Settings = { ...DEFAULTS, ...(flags.tiny && TINY), ...flags };
  if (!settings.model)
    throw new Error('Name the folder of a Janus-Pro checkpoint: --model DIR, or try --tiny.');
  const reward = await rewardOf(settings);
  const prompts = settings.prompts ? await readPromptFile(settings.prompts) : TINY_PROMPTS;
  if (!settings.prompts && !settings.tiny)
    throw new Error('Name a file of prompts: --prompts prompts.jsonl.');
  const { description } = await selectBackend((settings.backend || undefined) as BackendName | undefined);
  console.log(`BiCoT-GRPO of Janus · ${description}`);

  // The policy, and the reference: the same weights with the adapters off, or a frozen copy of them.
  const policy = await loadJanus(settings.model, {
    lora: settings.rank > 0 ? { rank: settings.rank } : undefined,
    memory: {
      limitBytes: settings['memory-gb'] > 0 ? settings['memory-gb'] * 1e9 : undefined,
      plan: { rowsAtOnce: settings['rows-at-once'], planTokens: settings['plan-tokens'] },
      print: (table) => console.log(table),
    },
    onProgress: ({ done, total, bytes }) =>
      status(`loading: tensor ${done} of ${total}, ${gigabytes(bytes)}`),
  });
  for (const note of policy.notes) console.log(note);
  const { adapters } = policy;
  const reference = adapters
    ? adapterReference(policy, adapters)
    : bicot.freezeReference<JanusContext>(policy);

  // The rollout: G plans for each prompt, then a picture of each plan (T2I-R1, section 3.2).
  const write = janusPrompts(policy.tokenizer, {
    roles: settings.roles as 'pro' | 't2i-r1',
    ...{ system: settings.system, instruction: settings.instruction },
  });
  const rollout = bicot.biLevelRollout<bicot.PromptRow, JanusContext>({
    policy,
    rowsAtOnce: settings['rows-at-once'],
    semantic: {
      space: 'text',
      sampling: { maxTokens: settings['plan-tokens'] },
      context: ({ prompt }) => write.plan(prompt),
    },
    token: {
      space: 'image',
      sampling: { guidance: { scale: settings.guidance, logProbs: 'conditional' } },
      context: ({ prompt }, plan) => write.image(prompt, plan.text),
    },
  });

  const history: bicot.StepMetrics[] = [];
  const { steps } = settings;
  const run = await runFolder<bicot.PromptRow, JanusContext>(settings.out, {
    config: settings,
    pictures: { every: settings.tiny ? 1 : 10 },
  });
  const stop = stopOnSignals();
  try {
    for await (const { metrics } of bicot.train({
      ...{ policy, rollout, reward, prompts, reference, steps },
      objective: bicot.t2iR1({ klWeight: settings.beta }),
      learningRate: bicot.warmupLinear({ peak: settings.lr, totalSteps: steps }),
      promptsPerStep: settings['prompts-per-step'],
      groupSize: settings['group-size'],
      maxGradNorm: settings['max-grad-norm'],
      seed: settings.seed,
      loggers: run.loggers,
      checkpoints: { folder: run.checkpoints, every: settings.save },
      resume: settings.resume ? 'auto' : 'never',
      signal: stop.signal,
      // One sample at a time: its gradient is added to the others', and memory is that of one.
      microBatch: 1,
      // Log-probs are of the conditional branch, samples of the guided one: the gap is reported, not refused.
      onProgress: ({ step, phase }) => status(`step ${step + 1} of ${steps}: ${phase}`),
    })) {
      history.push(metrics);
      report(metrics);
    }
    // What other programs read: adapters in PEFT's layout, or the whole model.
    const folder = openFolder(`${settings.out}/model`);
    await (adapters ? saveAdapters(folder, adapters) : saveJanus(policy, folder));
    console.log((await writeReport(settings.out)).file);
  } finally {
    stop.release();
    reference.dispose();
    policy.dispose();
  }
  return history;
}

/** A line for people. */
function report(metrics: bicot.StepMetrics): void {
  const { reward, loss, gradNorm, levels, seconds } = metrics;
  const kl = Object.entries(levels).map(([name, level]) => `${name} ${level.kl?.toExponential(1) ?? '–'}`);
  console.log(
    `step ${metrics.step + 1} · reward ${reward.mean.toFixed(4)} ± ${reward.std.toFixed(4)} · loss ${loss.toExponential(2)} · gradient ${gradNorm.toFixed(3)} · KL ${kl.join(', ')} · ${seconds.total.toFixed(1)} s`,
  );
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;

/** Overwrites a line of the terminal; silent where there is none. */
function status(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

/** Reads flags of the same names and types as the defaults. */
function readFlags(): Partial<Settings> {
  const { values } = parseArgs({
    options: Object.fromEntries(
      Object.entries(DEFAULTS).map(([name, value]) => [
        name,
        { type: typeof value === 'boolean' ? ('boolean' as const) : ('string' as const) },
      ]),
    ),
  });
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      if (typeof DEFAULTS[name as keyof Settings] !== 'number') return [name, value];
      if (Number.isFinite(Number(value))) return [name, Number(value)];
      throw new Error(`--${name} is ${JSON.stringify(value)}; a number is needed.`);
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main(readFlags());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}
