/**
 * BiCoT-GRPO on emoji scenes, from a shipped base model to a better one in a few minutes:
 *
 *     npm run demo                                  # seed 0, on the best installed backend
 *     npm run demo -- --seed 1 --backend wasm --workers 2
 *     npm run demo -- --prompts geneval_and_t2i_data_final.json    # T2I-R1's own prompts
 *     npm run demo -- --shuffle-rewards             # the control: must learn nothing
 *     npm run demo -- --rewards detector,quality=0.5       # other rewards than the demo's four
 *     npm run demo -- --rewards exploitable         # a reward that invites cheating: the monitor must say so
 *
 * Writes `runs/demo/`: report.html, metrics.jsonl, findings.jsonl, pictures.jsonl, before.png, after.png, before-after.png, model.safetensors, config.json, result.json.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  adamW,
  compareEvaluations,
  evaluate,
  formatFindings,
  type PromptRow,
  type TokenContext,
  train,
  type WorkerPool,
  warmupLinear,
  workerPool,
} from 'bicot';
import {
  type BackendName,
  clock,
  encodePng,
  findingsLogger,
  metricsLogger,
  pictureLogger,
  readPromptFile,
  saveWeights,
  selectBackend,
  writeFileAtomic,
  writeReport,
} from 'bicot/node';
import { loadAtlas } from './atlas-file.js';
import { parseRewards, REWARD_WEIGHTS } from './choose-rewards.js';
import { keepDrawable } from './drawable.js';
import { emojiMeasures, emojiRewards, emojiRollout, emojiScores, shuffledRewards } from './experiment.js';
import { isHeldOut } from './holdout.js';
import { loadEmojiModel } from './model-file.js';
import { beforeAfterGrid, evaluationGrid } from './pictures.js';
import { beforeAfterTable, progressLine } from './progress.js';
import { samplePrompts } from './prompts.js';
import { demoSettings } from './settings.js';

const { values: flags } = parseArgs({
  options: {
    /** Seed of prompts, samples and everything else. */
    seed: { type: 'string', default: '0' },
    /** node-gpu, webgpu, node, wasm or cpu; default the best installed. */
    backend: { type: 'string' },
    /** Where the packages of the first three are installed; default here. */
    project: { type: 'string' },
    /** A WebGPU in software will do. */
    software: { type: 'boolean', default: false },
    /** Threads that sample and train; any number gives the same result. 0: this one. Default: one a core, up to 4. */
    workers: { type: 'string' },
    /** JSON Lines in T2I-R1's row format; default prompts of this world. */
    prompts: { type: 'string' },
    steps: { type: 'string' },
    lr: { type: 'string' },
    /** Held-out prompts of each evaluation. */
    'eval-prompts': { type: 'string' },
    /** Where the base model is. */
    base: { type: 'string' },
    out: { type: 'string', default: 'runs/demo' },
    /** What is trained on, as detector,quality=0.5; default the demo's four. */
    rewards: { type: 'string' },
    'shuffle-rewards': { type: 'boolean', default: false },
  },
});

const started = performance.now();
const line = progressLine(process.stdout);
const seed = Number(flags.seed);
const settings = demoSettings({
  ...(flags.steps && { steps: Number(flags.steps) }),
  ...(flags.lr && { learningRate: Number(flags.lr) }),
  ...(flags['eval-prompts'] && { evaluationPrompts: Number(flags['eval-prompts']) }),
});
const weights = flags.rewards === undefined ? REWARD_WEIGHTS : parseRewards(flags.rewards);
const backend = await selectBackend(flags.backend as BackendName | undefined, {
  projectFolder: flags.project,
  allowSoftware: flags.software,
});

// 1. The base model, the rewards, the prompts.
const { model } = await loadEmojiModel(flags.base);
const pool = await workers();
line.print(`bicot demo · seed ${seed} · ${backend.description}${pool ? ` · ${pool.workers} workers` : ''}`);
const reward = emojiRewards(loadAtlas(), weights);
const { prompts, kept, leftOut } = await trainingPrompts();
const heldOut = samplePrompts('heldout', settings.evaluationPrompts, seed);

// Nothing else in the folder is touched.
mkdirSync(flags.out, { recursive: true });
const write = (name: string, content: Uint8Array | string) => writeFileAtomic(join(flags.out, name), content);
await write(
  'config.json',
  `${JSON.stringify({ seed, backend: backend.name, ...settings, flags }, null, 2)}\n`,
);

// 2. Evaluate the base at its own best sampling settings, on compositions that no training ever saw.
// Once more at the sampling of the trained model: so much of a change is sampling alone.
const before = await evaluation('before', settings.baseSampling);
const beforeSame = await evaluation('before, sampled as after', settings.trainedSampling);
await write('before.png', encodePng(evaluationGrid(before.result, 'before training: held-out prompts')));

// 3. Train.
const trained = flags['shuffle-rewards'] ? shuffledRewards(reward, seed) : reward;
const optimizer = adamW({ beta2: 0.99 });
const trainStart = performance.now();
/** Per token, mean of both levels, one entry a step. */
const kl: number[] = [];
for await (const { metrics, findings } of train({
  policy: model,
  rollout: emojiRollout(model, settings.trainSampling),
  reward: trained,
  prompts,
  steps: settings.steps,
  objective: settings.objective,
  groupSize: settings.groupSize,
  promptsPerStep: settings.promptsPerStep,
  learningRate: warmupLinear({
    peak: settings.learningRate,
    warmupSteps: Math.min(settings.warmupSteps, settings.steps - 1),
    totalSteps: settings.steps + 1,
    final: settings.learningRate * settings.finalRate,
  }),
  optimizer,
  microBatch: settings.microBatch,
  maxGradNorm: settings.maxGradNorm,
  seed,
  parallel: pool,
  loggers: [
    metricsLogger(join(flags.out, 'metrics.jsonl')),
    findingsLogger(join(flags.out, 'findings.jsonl')),
    pictureLogger<PromptRow>(flags.out, { every: 10 }),
  ],
  onProgress: ({ step, phase }) => line.update(`step ${step + 1}/${settings.steps}  ${phase} …`),
})) {
  if (findings.length > 0) line.print(formatFindings(findings));
  const { semantic, token } = metrics.levels;
  kl.push(((semantic?.kl ?? 0) + (token?.kl ?? 0)) / 2);
  const done = metrics.step + 1;
  const left = ((performance.now() - trainStart) / 1000 / done) * (settings.steps - done);
  line.print(
    `step ${String(done).padStart(3)}/${settings.steps}  reward ${metrics.reward.mean.toFixed(3)}  ` +
      `kl ${semantic?.kl.toFixed(4)} plan, ${token?.kl.toFixed(4)} picture  entropy ${semantic?.entropy.toFixed(2)}  ` +
      `|g| ${metrics.gradNorm.toFixed(2)}  ${metrics.tokensPerSecond.toFixed(0)} tok/s  ETA ${clock(left)}`,
  );
}
optimizer.dispose();
const lastKl = kl.slice(-10);
const klToBase = lastKl.reduce((sum, value) => sum + value, 0) / lastKl.length;
if (!Number.isFinite(klToBase)) throw new Error(`The KL to the base is ${klToBase}; training diverged.`);

// 4. Evaluate again, on the same prompts with the same random numbers, and say how it went.
const after = await evaluation('after', settings.trainedSampling);
await write('after.png', encodePng(evaluationGrid(after.result, 'after training: held-out prompts')));
await write('before-after.png', encodePng(beforeAfterGrid(before.result, after.result)));
await saveWeights(join(flags.out, 'model.safetensors'), model.variables, { seed: String(seed) });
const seconds = Math.round((performance.now() - started) / 100) / 10;
const { judge: judgeBefore, judgeByTask: judgeByTaskBefore, ...rewardBefore } = before.scores;
const { judge: judgeAfter, judgeByTask: judgeByTaskAfter, ...rewardAfter } = after.scores;
const result = {
  before: rewardBefore,
  after: rewardAfter,
  heldOutJudge: {
    before: judgeBefore,
    beforeSameSampling: beforeSame.scores.judge,
    after: judgeAfter,
    byTask: { before: judgeByTaskBefore, after: judgeByTaskAfter },
  },
  klToBase,
  steps: settings.steps,
  seconds,
  backend: backend.name,
  promptsKept: kept,
  promptsLeftOut: leftOut,
};
await write('result.json', `${JSON.stringify(result, null, 2)}\n`);
const comparison = compareEvaluations(before.result, after.result, {
  by: ({ task_type }) => task_type,
  measures: emojiMeasures(weights),
});
line.print(`\n${beforeAfterTable(comparison)}\n`);
const { file } = await writeReport(flags.out, { title: `bicot demo, seed ${seed}` });
line.print(
  `${clock(seconds)} minutes · pictures, metrics and weights are in ${flags.out}/ · to look at: ${file}`,
);
await pool?.dispose();
model.dispose();

/** Native TensorFlow uses all cores by itself, and a GPU is one; the other backends use one core a worker. */
async function workers(): Promise<WorkerPool<TokenContext> | undefined> {
  const usesOneCore = backend.name === 'wasm' || backend.name === 'cpu';
  const count = Number(flags.workers ?? (usesOneCore ? Math.min(4, availableParallelism()) : 0));
  return count === 0 ? undefined : workerPool<TokenContext>(model, { workers: count });
}

/** This world's own training prompts, or the drawable ones of a file in T2I-R1's format. */
async function trainingPrompts(): Promise<{ prompts: PromptRow[]; kept: number; leftOut: number }> {
  if (!flags.prompts) {
    const own = samplePrompts('train', settings.trainingPrompts, seed);
    return { prompts: own, kept: own.length, leftOut: 0 };
  }
  const rows = await readPromptFile(flags.prompts);
  const drawable = keepDrawable(rows);
  const usable = drawable.kept.filter((row) => !isHeldOut(row));
  line.print(`${flags.prompts}: kept ${usable.length} of ${rows.length} prompts`);
  for (const { reason, count } of drawable.leftOut) line.print(`  left out ${count}: ${reason}`);
  line.print(
    `  left out ${drawable.kept.length - usable.length}: a held-out composition, kept for evaluation`,
  );
  return { prompts: usable, kept: usable.length, leftOut: rows.length - usable.length };
}

async function evaluation(name: string, sampling: typeof settings.baseSampling) {
  const result = await evaluate({
    rollout: emojiRollout(model, sampling),
    reward,
    prompts: heldOut,
    samplesPerPrompt: settings.samplesPerPrompt,
    seed,
    parallel: pool,
    onProgress: ({ prompts: done, total }) => line.update(`evaluating, ${name}: ${done}/${total} prompts`),
  });
  const scores = emojiScores(result, weights);
  line.print(
    `${name.padEnd(24)}  held-out judge ${scores.judge.toFixed(1)}  trained reward ${scores.overall.toFixed(1)}`,
  );
  return { result, scores };
}
