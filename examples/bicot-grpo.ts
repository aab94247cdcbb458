/**
 * BiCoT-GRPO (T2I-R1, arXiv 2505.00703) in one file: a small model plans in words, paints its plan token by
 * token, is scored by an ensemble of rewards, and learns from both. Under a minute on two CPU cores:
 *
 *     npx tsx examples/bicot-grpo.ts --out runs/bicot-grpo.png
 *
 * A prompt names two things ("sky beside lemon"), the plan should name their colours ("blue yellow"), and the
 * picture should show them, left and right. Reads from top to bottom; `bicot.` is the library, `tf.` is
 * TensorFlow.js, all else is in this file. B prompts, G samples of each, N = B·G, T tokens, K rewards.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import * as bicot from 'bicot';
import { createTransformer, patchCodebook, type TransformerPolicy, wordTokenizer } from 'bicot/models';
import { type BackendName, encodePng, imageGrid, selectBackend, writeFileAtomic } from 'bicot/node';

// ── Settings: each is a flag of the command line ───────────────────────────────────────────────────────────

const DEFAULTS = {
  /** Training steps. */
  steps: 60,
  /** Of weights, prompts and samples: the same seed gives the same run. */
  seed: 0,
  /** B. */
  'prompts-per-step': 4,
  /** G: samples of one prompt, which are compared with one another. */
  'group-size': 8,
  /** Updates with each rollout. T2I-R1 makes 1, which needs no clip. */
  updates: 2,
  /** Learning rate. */
  lr: 1e-3,
  /** Supervised steps before any reinforcement. */
  warmup: 120,
  /** node-gpu, node, wasm or cpu; empty for the best installed. */
  backend: '',
  /** Where to write held-out pictures, before and after, as PNG; empty for nowhere. */
  out: '',
};
type Settings = typeof DEFAULTS;

/** ε = 0.2, and β = 0.01 for the KL to the reference, estimated by k3. T2I-R1's own, but for the clip. */
const OBJECTIVE = {
  surrogate: bicot.clipped({ low: 0.2, high: 0.2 }),
  klWeight: 0.01,
  klEstimator: 'k3',
} as const;

// ── The world: things, their colours, and pictures of 4 × 4 flat patches ───────────────────────────────────

const PALETTE = [
  { color: 'red', rgb: [214, 48, 49], things: ['tomato', 'cherry'] },
  { color: 'green', rgb: [0, 168, 98], things: ['leaf', 'frog'] },
  { color: 'blue', rgb: [9, 132, 227], things: ['sea', 'sky'] },
  { color: 'yellow', rgb: [253, 203, 60], things: ['lemon', 'sun'] },
];
const COLORS = PALETTE.map(({ color }) => color);
const THINGS = PALETTE.flatMap(({ color, things }) => things.map((name) => ({ name, color })));
const GRID = { width: 32, height: 32, patch: 8 }; // pixels
const HALVES = Array.from({ length: 16 }, (_, i) => (i >> 1) % 2); // of each patch: 0 left, 1 right

/** 48 prompts, with the colours that the left and the right half of the picture should have. */
const ALL_PROMPTS = THINGS.flatMap((left) =>
  THINGS.filter((right) => right.color !== left.color).map((right) => ({
    text: `${left.name} beside ${right.name}`,
    colors: [left.color, right.color],
  })),
);
type Prompt = (typeof ALL_PROMPTS)[number];
/** The 4 prompts that ask for blue beside yellow: neither the warm-up nor the training sees them. */
const HELD_OUT = ALL_PROMPTS.filter(({ colors }) => colors.join() === 'blue,yellow');
/** The 44 prompts to train on. */
export const PROMPTS = ALL_PROMPTS.filter((prompt) => !HELD_OUT.includes(prompt));

// ── The policy: one transformer that reads words, and writes words and patches ─────────────────────────────

const nouns = THINGS.map(({ name }) => name);
const words = wordTokenizer(['<end>', '<plan>', '<image>'], ['beside', ...nouns, ...COLORS]);
const flat = PALETTE.map(({ rgb }) => Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => rgb[i % 3] as number));
const patches = patchCodebook(GRID, flat);

/** A policy with random weights; the caller disposes it. */
export function createPolicy(seed: number): TransformerPolicy {
  const text = { textVocabulary: words.size, endToken: words.id('<end>'), specialTokens: words.specials };
  const image = { imageVocabulary: patches.size, imageLength: patches.length };
  const size = { ...text, ...image, width: 32, layers: 2, heads: 2, hidden: 64 };
  return createTransformer(size, { tokenizer: words, imageTokenizer: patches, seed });
}

// ── The rollout: G plans for each prompt, then a picture of each plan (T2I-R1, section 3.2) ────────────────

/** A plan is conditioned on the prompt: `sky beside lemon <plan>`. */
const planContext = ({ text }: Prompt) => ({ ids: Int32Array.of(...words.encode(text), words.id('<plan>')) });

/** A picture is conditioned on prompt and plan: `sky beside lemon <plan> blue yellow <image>`. */
const imageContext = (prompt: Prompt, plan: { ids: Int32Array }) => ({
  ids: Int32Array.of(...planContext(prompt).ids, ...plan.ids, words.id('<image>')),
});

/** The semantic level, at most 4 words and an end, and the token level, 16 patches. */
export const rolloutOf = (policy: bicot.Policy) =>
  bicot.biLevelRollout({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 5 }, context: planContext },
    token: { space: 'image', sampling: {}, context: imageContext },
  });

// ── The rewards: each has one thing in view, and is graded, so that the samples of a group differ ──────────

/** The colours of a picture's patches, in reading order. */
const look = (image: bicot.RgbImage) => Array.from(patches.encode(image), (token) => COLORS[token]);

/** Share of the patches (all of one size and flat, so of the pixels) that have the colour of their half. */
const painted = (shown: readonly unknown[], halves: readonly string[]): number =>
  shown.filter((color, i) => color === halves[HALVES[i] as number]).length / shown.length;

/** Share of the plan's words that are the right colour in the right place; a plan has at least two. */
const planned = (said: readonly string[], colors: readonly string[]): number =>
  colors.filter((color, i) => said[i] === color).length / Math.max(2, said.length);

/** Share of the patches of the upper rows that look like the one below. */
const tidy = (shown: readonly unknown[]): number =>
  shown.slice(4).filter((color, i) => color === shown[i]).length / (shown.length - 4);

/** Makes a reward function, which rates a whole batch, of one that rates what one sample shows and says. */
type Rate = (shown: readonly unknown[], said: string[], colors: string[]) => number;
const each = (rate: Rate): bicot.RewardFunction<Prompt> => {
  const scoreOf = ({ prompt, plan = '', image }: bicot.Sample<Prompt>) =>
    bicot.score(rate(look(image as bicot.RgbImage), plan.split(' '), prompt.colors));
  return async (samples) => samples.map(scoreOf);
};

/** Three rewards that train, and a monitor that only watches: does the picture show what the plan says? */
export const rewards = bicot.rewardEnsemble<Prompt>({
  painted: each((shown, _said, colors) => painted(shown, colors)),
  planned: each((_shown, said, colors) => planned(said, colors)),
  tidy: { reward: each(tidy), weight: 0.5 },
  faithful: { reward: each(painted), monitor: true },
});

// ── The warm-up: a careless teacher, so that the policy knows the language and still has much to learn ─────

/** Imitates plans with half of their colours drawn by lot, painted with four patches in ten drawn by lot. */
export async function warmUp(policy: bicot.Policy, steps: number, seed: number): Promise<void> {
  const optimizer = bicot.adamW();
  const draw = bicot.uniformStream(seed, 'teacher');
  const pick = <T>(items: readonly T[]): T => items[bicot.uniformInteger(draw, items.length)] as T;
  const sloppy = (color: string, care: number) => (draw() < care ? color : pick(COLORS));
  for (let step = 0; step < steps; step++) {
    const batch = Array.from({ length: 32 }, () => pick(PROMPTS));
    const said = batch.map(({ colors }) => colors.map((color) => sloppy(color, 0.5)));
    const ids = said.map((plan) => words.encode(plan.join(' ')));
    const shown = said.map((plan) => HALVES.map((half) => sloppy(plan[half] as string, 0.6)));
    const plans = {
      space: 'text',
      contexts: batch.map(planContext),
      completion: bicot.tokenBatch(ids.map((plan) => [...plan, words.id('<end>')])),
    };
    const pictures = {
      space: 'image',
      contexts: batch.map((prompt, n) => imageContext(prompt, { ids: ids[n] as Int32Array })),
      completion: bicot.tokenBatch(shown.map((colors) => colors.map((color) => COLORS.indexOf(color)))),
    };
    await bicot.pretrainStep(policy, [plans, pictures], optimizer, 0.004, { microBatch: 32 });
  }
  optimizer.dispose();
}

// ── The program, with the algorithm in its middle ──────────────────────────────────────────────────────────

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Warms up, evaluates on held-out prompts, trains, and evaluates again. Gives the metrics of every step. */
export async function main(flags: Partial<Settings> = {}) {
  const settings = { ...DEFAULTS, ...flags };
  const { steps, seed, 'prompts-per-step': promptsPerStep, 'group-size': groupSize, updates, lr } = settings;
  const { description } = await selectBackend((settings.backend || undefined) as BackendName | undefined);
  console.log(`BiCoT-GRPO · seed ${seed} · ${description}`);

  const policy = createPolicy(seed); // π
  await warmUp(policy, settings.warmup, seed);
  const rollOut = rolloutOf(policy);
  const exam = { rollout: rollOut, reward: rewards, prompts: HELD_OUT, samplesPerPrompt: 8 };
  const before = await bicot.evaluate(exam);

  const reference = bicot.freezeReference(policy); // π_ref: the policy before any reinforcement
  const optimizer = bicot.adamW();
  const history: Record<string, number>[] = [];
  for (let step = 0; step < steps; step++) {
    // 1. Take B prompts, from shuffled epochs.
    const stepsPerEpoch = Math.floor(PROMPTS.length / promptsPerStep);
    const epoch = bicot.uniformStream(seed, 'prompts', Math.floor(step / stepsPerEpoch));
    const begin = (step % stepsPerEpoch) * promptsPerStep;
    const promptIds = bicot.shuffled([...PROMPTS.keys()], epoch).slice(begin, begin + promptsPerStep); // [B]
    const prompts = promptIds.map((id) => PROMPTS[id] as Prompt);

    // 2. Roll out: G plans for each prompt, and a picture of each plan (T2I-R1, section 3.2). Recorded too:
    //    the log-probs of all tokens under the very distribution that they were drawn from, log π_old.
    const { levels, samples } = await rollOut({ prompts, promptIds, groupSize, step, seed });

    // 3. Score the finished samples with the ensemble: a table [N, K], and its weighted sums r [N].
    const { table, weights: rewardWeights, total } = await rewards.evaluate(samples);

    // 4. Compare the samples of each group: A_i = (r_i − mean r) / (std r + 1e-4), which the plan and the
    //    picture of a sample share (GRPO, arXiv 2402.03300, section 4.1.2).
    const { advantages } = bicot.combineRewards(table, { weights: rewardWeights, groupSize }); // [N]

    // 5. Weigh the tokens: T2I-R1 takes one mean over plans and pictures together. Padding weighs nothing.
    const tokens = levels.map(({ completion }) => ({ ...completion, normalizer: 'token-mean' as const }));
    const tokenWeights = bicot.tokenWeights(tokens, { joint: true }); // one [N·T] per level

    // 6. Collect what is constant in the loss of each level. The reference scores the tokens that were drawn.
    const batches = levels.map((level, l) => {
      const shape: [number, number] = [level.completion.rows, level.completion.width]; // [N, T]
      const constants = {
        oldLogProbs: tf.tensor2d(level.behaviourLogProbs, shape),
        referenceLogProbs: reference.run((frozen) => bicot.levelLogProbs(level, { policy: frozen })), // [N, T]
        advantages: tf.tensor1d(advantages), // [N]
        weights: tf.tensor2d(tokenWeights[l] as Float32Array, shape),
      };
      return { level, constants };
    });

    const metrics: Record<string, number> = { step, reward: mean(total) };
    table.names.forEach((name, k) => {
      metrics[`reward/${name}`] = mean(table.values.filter((_, i) => i % table.names.length === k));
    });
    for (let update = 0; update < updates; update++) {
      // 7. Add up the losses of both levels. With r = π/π_old, a token's loss is (GRPO, equations 3 and 4)
      //    −min(r·A, clip(r, 1 − ε, 1 + ε)·A) + β·(π_ref/π − log(π_ref/π) − 1).
      const logProbs: tf.Tensor2D[] = [];
      const { loss, gradients } = bicot.lossGradients(() => {
        const losses = batches.map(({ level, constants }) => {
          const current = tf.keep(bicot.levelLogProbs(level)); // log π [N, T], differentiable
          logProbs.push(current);
          return bicot.levelLoss({ logProbs: current, ...constants }, OBJECTIVE);
        });
        return tf.addN(losses) as tf.Scalar;
      }, policy.variables);

      // 8. Step: AdamW, with the global norm of the gradients clipped to 1.
      const clipped = await bicot.clipByGlobalNorm(gradients, 1);
      optimizer.update(policy.variables, clipped.gradients, lr);

      // 9. Measure. Before the first update every ratio must be 1: what was drawn is what is trained.
      metrics['losses/loss'] = (await loss.data())[0] as number;
      metrics['losses/grad_norm'] = clipped.norm;
      for (const [l, { level, constants }] of batches.entries()) {
        const scored = {
          logProbs: await (logProbs[l] as tf.Tensor2D).data(),
          oldLogProbs: level.behaviourLogProbs,
          referenceLogProbs: await constants.referenceLogProbs.data(),
        };
        const stats = bicot.levelStats({ ...level.completion, ...scored, advantages }, OBJECTIVE);
        if (update === 0) metrics[`losses/first_ratio_error/${level.name}`] = stats.maxRatioDeviation;
        metrics[`losses/kl/${level.name}`] = stats.kl; // to π_ref
        metrics[`losses/approx_kl/${level.name}`] = stats.approxKl; // to π_old
        metrics[`losses/clipfrac/${level.name}`] = stats.clipFraction;
        metrics[`losses/entropy/${level.name}`] = level.entropy.reduce((a, b) => a + b, 0) / stats.tokens;
      }
      tf.dispose([loss, logProbs, gradients, clipped.gradients]);
    }
    tf.dispose(batches.map(({ constants }) => constants));
    history.push(metrics);
    const shown = Object.entries(metrics).filter(([name]) => /^step|^reward|norm|\/kl/.test(name));
    console.log(shown.map(([name, value]) => `${name} ${Number(value.toFixed(3))}`).join('  '));
  }

  const after = await bicot.evaluate(exam); // with the same random numbers
  console.log(`held-out reward ${before.total.mean.toFixed(2)} → ${after.total.mean.toFixed(2)} of 2.5`);
  if (settings.out) {
    const cells = [...before.samples, ...after.samples].map(({ sample: { prompt, plan, image } }) => ({
      image: image as bicot.RgbImage,
      caption: [prompt.text, plan ?? ''],
    }));
    const grid = imageGrid(cells, { columns: 8, title: 'Held-out prompts: 4 rows before, 4 after' });
    await writeFileAtomic(settings.out, encodePng(grid));
  }
  reference.dispose();
  optimizer.dispose();
  policy.dispose();
  return { history, before: before.total.mean, after: after.total.mean };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: 'string' } as const;
  const options = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, text]));
  const given = Object.entries(parseArgs({ options }).values);
  const isText = (name: string) => ['backend', 'out'].includes(name);
  await main(Object.fromEntries(given.map(([name, value]) => [name, isText(name) ? value : Number(value)])));
}

// The same steps with the library's own loop:
//
//     const run = bicot.train({
//       policy,
//       rollout: rolloutOf(policy),
//       reward: rewards,
//       prompts: PROMPTS,
//       objective: bicot.t2iR1({ surrogate: bicot.clipped({ low: 0.2, high: 0.2 }) }),
//       steps: 60, updatesPerRollout: 2, learningRate: 1e-3,
//     });
//     for await (const { metrics } of run) console.log(metrics.step, metrics.reward.mean);
