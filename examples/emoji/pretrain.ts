/**
 * Pre-trains a base model on captioned emoji scenes, the demo's or EmojiBench's:
 *
 *     npm run demo:pretrain -- --backend node --out examples/emoji/base
 *     npm run demo:pretrain -- --world emojibench --out examples/emojibench/base
 *
 * Seeded, and resumable: it saves every `--save-every` steps under `--work` and goes on from there when started
 * again, to the same weights. (Native TensorFlow on several cores may sum in another order from run to run.)
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { adamW, pretrainStep, type TokenContext, tokenBatch, uniformStream, warmupCosine } from 'bicot';
import { exportWeights, importWeights } from 'bicot/models';
import { type BackendName, readSafetensors, saveWeights, selectBackend, writeSafetensors } from 'bicot/node';
import { EMOJI_BENCH } from '../emojibench/world.js';
import { loadAtlas } from './atlas-file.js';
import { corpusExample } from './corpus.js';
import type { TaskType } from './forms.js';
import { createEmojiModel, emojiCodebook, emojiContexts } from './model.js';
import type { NoiseRates } from './noise.js';
import { renderScene } from './scene.js';
import { END } from './vocabulary.js';
import { DEMO_WORLD } from './world.js';

const { values: flags } = parseArgs({
  options: {
    backend: { type: 'string' },
    steps: { type: 'string', default: '2500' },
    batch: { type: 'string', default: '32' },
    /** A folder with a model to go on from, with a fresh optimiser and schedule; default a new model. */
    from: { type: 'string' },
    /** Kinds of prompts, separated by commas; one that is there twice comes twice as often. Default: each once. */
    tasks: { type: 'string' },
    lr: { type: 'string', default: '0.002' },
    seed: { type: 'string', default: '1' },
    /** `demo` or `emojibench`. */
    world: { type: 'string', default: 'demo' },
    out: { type: 'string', default: 'examples/emoji/base' },
    work: { type: 'string', default: 'runs/pretrain' },
    'save-every': { type: 'string', default: '500' },
    /** Stops after this step, saved, without writing the model: to go on later. */
    until: { type: 'string' },
  },
});
const world = flags.world === 'emojibench' ? EMOJI_BENCH : DEMO_WORLD;
const contexts = emojiContexts(world.tokenizer);
const steps = Number(flags.steps);
const batch = Number(flags.batch);
const seed = Number(flags.seed);
/**
 * Share of pictures without a caption, which guidance needs (the unconditional branch). These are snapshots: nobody
 * sells them, so they show no stock layout. Guidance therefore strengthens what captions go with, habits included,
 * as it does in large models.
 */
const UNCAPTIONED = 0.1;
const SNAPSHOTS: NoiseRates = { ...world.noise, stock: 0, sloppy: 0 };

const backend = await selectBackend(flags.backend as BackendName | undefined);
const atlas = loadAtlas();
const codebook = emojiCodebook(atlas);
const model = createEmojiModel(codebook, seed, world.tokenizer);
if (flags.from) {
  const { tensors } = await readSafetensors(join(flags.from, 'model.safetensors'));
  importWeights(model.variables, tensors, flags.from);
}
const tasks = (flags.tasks?.split(',') ?? world.tasks) as readonly TaskType[];
const optimizer = adamW({ beta2: 0.99, weightDecay: 0.01 });
const schedule = warmupCosine({
  peak: Number(flags.lr),
  warmupSteps: Math.min(200, Math.floor(steps / 5)),
  totalSteps: steps,
});

/** The examples of one step: two levels, as a rollout has them. */
function exampleBatch(step: number) {
  const plan = { contexts: [] as TokenContext[], rows: [] as Int32Array[] };
  const picture = { contexts: [] as TokenContext[], rows: [] as Int32Array[] };
  for (let n = 0; n < batch; n++) {
    const stream = uniformStream('emoji', 'pretrain', seed, step, n);
    const uncaptioned = stream() < UNCAPTIONED;
    const example = corpusExample(stream, uncaptioned ? SNAPSHOTS : world.noise, world, tasks);
    const ids = world.tokenizer.encode(example.plan);
    const planless = world.planless > 0 && stream() < world.planless;
    const drop = (context: TokenContext): TokenContext =>
      uncaptioned ? (model.unconditional?.(context) ?? context) : context;
    plan.contexts.push(drop(contexts.semantic(example.row)));
    plan.rows.push(Int32Array.of(...ids, END));
    picture.contexts.push(drop(contexts.token(example.row, { ids: Int32Array.from(planless ? [] : ids) })));
    picture.rows.push(codebook.encode(renderScene(example.scene, atlas)));
  }
  return [
    { space: 'text', contexts: plan.contexts, completion: tokenBatch(plan.rows) },
    { space: 'image', contexts: picture.contexts, completion: tokenBatch(picture.rows) },
  ];
}

/** What a checkpoint must agree in to be gone on from. */
const madeWith = {
  seed: String(seed),
  batch: String(batch),
  steps: String(steps),
  lr: flags.lr,
  noise: JSON.stringify(world.noise),
  ...(flags.from && { from: flags.from }),
  ...(flags.tasks && { tasks: flags.tasks }),
};
const checkpoint = join(flags.work, 'checkpoint.safetensors');
mkdirSync(flags.work, { recursive: true });

/** Weights and optimiser state in one file, so that a crash never leaves a half-written pair. */
async function save(step: number): Promise<void> {
  const tensors = {
    ...(await exportWeights(model.variables)),
    ...Object.fromEntries(
      await Promise.all(
        Object.entries(optimizer.state()).map(async ([name, value]) => {
          const data = (await value.data()) as Float32Array;
          return [`optimizer/${name}`, { dtype: 'F32', shape: value.shape, data }] as const;
        }),
      ),
    ),
  };
  const metadata = { step: String(step), ...madeWith };
  await writeSafetensors(checkpoint, tensors, metadata);
}

/** @returns the step to go on from */
async function resume(): Promise<number> {
  if (!existsSync(checkpoint)) return 0;
  const { tensors, metadata } = await readSafetensors(checkpoint);
  for (const [key, value] of Object.entries(madeWith)) {
    if (metadata[key] !== value) {
      throw new Error(
        `${checkpoint} was made with ${key} ${metadata[key]}, not ${value}. Use its value, or another --work folder.`,
      );
    }
  }
  const state = Object.entries(tensors).filter(([name]) => name.startsWith('optimizer/'));
  const weights = Object.fromEntries(
    Object.entries(tensors).filter(([name]) => !name.startsWith('optimizer/')),
  );
  importWeights(model.variables, weights, checkpoint);
  tf.tidy(() => {
    const moments = state.map(([name, { data, shape }]) => [
      name.slice('optimizer/'.length),
      tf.tensor(data as Float32Array, [...shape]),
    ]);
    optimizer.restore(Object.fromEntries(moments), Number(metadata.step));
  });
  return Number(metadata.step);
}

const first = await resume();
console.log(
  `${backend.description}; ${codebook.size} image tokens; steps ${first} to ${steps} of ${batch} examples`,
);
const started = performance.now();
const last = Math.min(steps, Number(flags.until ?? steps));
for (let step = first; step < last; step++) {
  const { losses, gradNorm } = await pretrainStep(model, exampleBatch(step), optimizer, schedule(step), {
    microBatch: batch,
  });
  if ((step + 1) % 20 === 0 || step + 1 === last) {
    const seconds = (performance.now() - started) / 1000;
    const left = (seconds / (step + 1 - first)) * (last - step - 1);
    const [plan, picture] = losses as [number, number];
    console.log(
      `step ${step + 1}/${steps}  plan ${plan.toFixed(4)}  picture ${picture.toFixed(4)}  norm ${gradNorm.toFixed(2)}  ${(seconds / (step + 1 - first)).toFixed(2)} s/step  ${Math.ceil(left / 60)} min left`,
    );
  }
  if ((step + 1) % Number(flags['save-every']) === 0 || step + 1 === last) await save(step + 1);
}
if (last < steps) {
  console.log(`saved at step ${last} of ${steps}; start again to go on`);
  process.exit(0);
}
mkdirSync(flags.out, { recursive: true });
const description = { ...madeWith, backend: backend.name };
await saveWeights(join(flags.out, 'model.safetensors'), model.variables, description);
const { tensors, metadata } = codebook.export();
await writeSafetensors(join(flags.out, 'codebook.safetensors'), tensors, metadata);
console.log(`wrote ${flags.out}/model.safetensors and codebook.safetensors`);
