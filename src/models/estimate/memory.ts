import { BicotError } from '../../errors.js';
import { assertKnownOptions, assertNumber, NOT_NEGATIVE, POSITIVE_INTEGER } from '../../options.js';
import { type AdaptedMatrices, adapterParameters, languageParameters, type ModelSizes } from './sizes.js';
import { vqDecodeBytes, vqParameterCount } from './vq.js';

/** How a model is to be trained, as far as memory depends on it. */
export interface TrainingPlan {
  /** Of adapters; 0 (default) trains the whole language model. */
  readonly rank?: number;
  /** Which matrices get adapters. Default `all`. */
  readonly adapted?: AdaptedMatrices;
  /** Samples that are decoded side by side (`rowsAtOnce`, or all of a step). Default 8. */
  readonly rowsAtOnce?: number;
  /** Whether images are sampled with guidance, which decodes a second row beside each. Default true. */
  readonly guidance?: boolean;
  /** Tokens of a planning prompt. Default 200. */
  readonly promptTokens?: number;
  /** Tokens of a plan. Default 100; 0 without plans. */
  readonly planTokens?: number;
  /** Tokens of what an image is conditioned on. Default 120. */
  readonly contextTokens?: number;
  /** Samples in one backward pass. Default 1. */
  readonly microBatch?: number;
  /** Whether blocks are computed again in the backward pass, or how many of them. Default true. */
  readonly checkpointing?: boolean | number;
  /** Whether the KL penalty needs a reference. Default true. Adapters need no copy for it. */
  readonly reference?: boolean;
  /** Whether bicot's fused kernels compute (on wasm): decoding then packs a second copy of the blocks. Default false. */
  readonly fused?: boolean;
}

/** One line of an estimate. */
export interface MemoryItem {
  /** What takes it, and in which phase: `weights: image decoder`, `rollout: plans`. */
  readonly name: string;
  /** 0 where the plan has no such thing. */
  readonly bytes: number;
}

/** What a training run takes in memory. */
export interface MemoryEstimate {
  /** There all the time. */
  readonly held: readonly MemoryItem[];
  /** There in one phase of a step only. */
  readonly phases: readonly MemoryItem[];
  /** What is held, and the largest phase. */
  readonly peakBytes: number;
}

const FLOAT = 4;

const DEFAULTS: Required<TrainingPlan> = {
  ...{ rank: 0, adapted: 'all', rowsAtOnce: 8, guidance: true, microBatch: 1 },
  ...{ promptTokens: 200, planTokens: 100, contextTokens: 120 },
  ...{ checkpointing: true, reference: true, fused: false },
};

/**
 * What a training step takes in memory, in float32, before anything is allocated. Weights, adapters, optimizer, caches and
 * what a backward pass keeps are counted from the sizes; small tensors and what a backend holds beside its tensors are not,
 * so leave a tenth of the device free.
 * @throws BicotError `value` for a plan that is none
 */
export function estimateMemory(sizes: ModelSizes, trainingPlan: TrainingPlan = {}): MemoryEstimate {
  const plan = planOf(trainingPlan);
  const trained =
    plan.rank > 0 ? adapterParameters(sizes, plan.rank, plan.adapted) : languageParameters(sizes);
  const trainedBytes = FLOAT * trained;
  const held = [
    ...weightItems(sizes),
    { name: 'adapters', bytes: plan.rank > 0 ? trainedBytes : 0 },
    { name: 'reference', bytes: plan.reference && plan.rank === 0 ? trainedBytes : 0 },
    { name: 'optimizer: two moments', bytes: 2 * trainedBytes },
  ];
  const phases = [
    { name: 'rollout: plans', bytes: plan.planTokens > 0 ? rolloutBytes(sizes, plan, 'plan') : 0 },
    { name: 'rollout: images', bytes: rolloutBytes(sizes, plan, 'image') },
    { name: 'rollout: pixels', bytes: vqDecodeBytes(sizes.decoder) },
    { name: 'update', bytes: updateBytes(sizes, plan, trainedBytes) },
  ];
  const sum = held.reduce((total, { bytes }) => total + bytes, 0);
  return { held, phases, peakBytes: sum + Math.max(...phases.map(({ bytes }) => bytes)) };
}

/** What the weights themselves take, whatever is done with them. */
export function weightItems(sizes: ModelSizes): MemoryItem[] {
  return [
    { name: 'weights: language model', bytes: FLOAT * languageParameters(sizes) },
    { name: 'weights: image tokens, image head', bytes: FLOAT * sizes.imageParameters },
    { name: 'weights: image decoder', bytes: FLOAT * vqParameterCount(sizes.decoder) },
  ];
}

/** Caches of keys and values, the logits of a step, and packed matrices where there are. */
function rolloutBytes(sizes: ModelSizes, plan: Required<TrainingPlan>, level: 'plan' | 'image'): number {
  const { layers, width, textVocabulary, imageVocabulary } = sizes;
  const image = level === 'image';
  const rows = plan.rowsAtOnce * (image && plan.guidance ? 2 : 1);
  const [context, own] = image
    ? [plan.contextTokens, sizes.imageLength]
    : [plan.promptTokens, plan.planTokens];
  // Samples of one prompt share its keys and values in the fused cache; each image has a plan, so a context, of its own.
  const contexts = plan.fused && !image ? 1 : rows;
  const perToken = 2 * layers * width * FLOAT;
  const caches = (contexts * context + rows * own) * perToken;
  // Without a fused kernel a cache grows by concatenation, block by block.
  const growing = plan.fused ? 0 : (rows * (context + own) * perToken) / layers;
  const logits = 3 * rows * (image ? imageVocabulary : textVocabulary) * FLOAT;
  const packed = plan.fused ? FLOAT * (languageParameters(sizes) - textVocabulary * width) : 0;
  return caches + growing + logits + packed;
}

/** Gradients and their sums, what the backward pass needs of the forward one, logits in chunks. */
function updateBytes(sizes: ModelSizes, plan: Required<TrainingPlan>, trainedBytes: number): number {
  const plans = plan.planTokens > 0 ? plan.promptTokens + plan.planTokens : 0;
  const length = Math.max(plans, plan.contextTokens + sizes.imageLength);
  const kept = plan.microBatch * length * activations(sizes, plan, length) * FLOAT;
  // A pass's own, the level's sum and the step's sum.
  return 3 * trainedBytes + kept + logitsBytes(sizes, plan);
}

/** Multiples of the width, of the gated width, and of heads times positions, that each token takes. */
type Counts = readonly [width: number, hidden: number, scores: number];

/** How many numbers a moment of a backward pass holds. */
interface Moment {
  /** For each block. */
  readonly each: Counts;
  /** In the one block that is being computed. */
  readonly once: Counts;
}

/** By what computes, and by what is trained. */
type Counted<T> = Readonly<Record<'fused' | 'stock', Readonly<Record<'whole' | 'adapters', T>>>>;

/**
 * Counted in backward passes of models of many sizes (`estimate.test.ts` does it for one more): what the forward pass
 * keeps, and gradients, of which TensorFlow.js frees none before the pass ends. Of stock operations it depends on the
 * sizes which moment is the worst: the last, when all gradients are there, or the first, when all scores of attention are.
 */
const MOMENTS: Counted<readonly Moment[]> = {
  fused: {
    whole: [{ each: [16, 6, 0], once: [11, 0, 0] }],
    adapters: [{ each: [20, 7, 0], once: [5.5, 0, 0] }],
  },
  stock: {
    whole: [
      { each: [27.5, 7, 0], once: [5.6, 0.3, 0] },
      { each: [5, 2.7, 1], once: [16, 0.3, 5] },
    ],
    adapters: [
      { each: [25, 9, 0], once: [5.5, 0, 3] },
      { each: [11, 4, 1], once: [17.4, 0, 5] },
    ],
  },
};

/** The same with blocks that are computed again: the stream before each, and one block. */
const CHECKPOINTED: Counted<Moment> = {
  fused: {
    whole: { each: [1, 0, 0], once: [25.5, 5, 0] },
    adapters: { each: [1, 0, 0], once: [29.5, 7, 0] },
  },
  stock: {
    whole: { each: [1, 0, 0], once: [23.5, 3, 6] },
    adapters: { each: [1, 0, 0], once: [30, 5.5, 6] },
  },
};

function activations(sizes: ModelSizes, plan: Required<TrainingPlan>, length: number): number {
  const { layers, width, hidden, heads } = sizes;
  const again = blocksAgain(plan.checkpointing, layers);
  const numbers = ([ofWidth, ofHidden, ofScores]: Counts): number =>
    ofWidth * width + ofHidden * hidden + ofScores * heads * length;
  const of = <T>(counted: Counted<T>): T =>
    counted[plan.fused ? 'fused' : 'stock'][plan.rank > 0 ? 'adapters' : 'whole'];
  const checkpointed = of(CHECKPOINTED);
  const streams = again * numbers(checkpointed.each);
  return Math.max(
    ...of(MOMENTS).map(({ each, once }, moment) => {
      // At the last moment it is the first block that is computed; blocks that are computed again are the first ones.
      const current = moment === 0 && again > 0 ? checkpointed.once : once;
      return streams + (layers - again) * numbers(each) + numbers(current);
    }),
  );
}

/** How many blocks are computed again, as `runBlocks` has it. */
export function blocksAgain(checkpointing: boolean | number, layers: number): number {
  return checkpointing === true ? layers : Math.min(layers, Number(checkpointing));
}

/** As `headLogProbs` cuts them: 64 MiB, two at once with fused kernels and four with stock operations. */
function logitsBytes(
  { textVocabulary, imageVocabulary, imageLength }: ModelSizes,
  plan: Required<TrainingPlan>,
): number {
  const all =
    plan.microBatch * Math.max(plan.planTokens * textVocabulary, imageLength * imageVocabulary) * FLOAT;
  return (plan.fused ? 2 : 4) * Math.min(all, 2 ** 26);
}

/** A plan with its defaults. @throws BicotError `value` for a plan that is none */
export function planOf(plan: TrainingPlan): Required<TrainingPlan> {
  assertKnownOptions('estimateMemory', plan, Object.keys(DEFAULTS));
  const given = Object.fromEntries(Object.entries(plan).filter(([, value]) => value !== undefined));
  const filled = { ...DEFAULTS, ...given };
  for (const name of ['rank', 'promptTokens', 'planTokens', 'contextTokens'] as const) {
    assertNumber('estimateMemory', name, filled[name], NOT_NEGATIVE);
  }
  for (const name of ['rowsAtOnce', 'microBatch'] as const) {
    assertNumber('estimateMemory', name, filled[name], POSITIVE_INTEGER);
  }
  return filled;
}

/**
 * Throws unless an estimate fits a device, with what would help, the cheapest first.
 * @param limitBytes what the device has for tensors
 * @throws BicotError `value`
 */
export function assertFits(
  estimate: MemoryEstimate,
  limitBytes: number,
  sizes: ModelSizes,
  trainingPlan: TrainingPlan = {},
): void {
  if (estimate.peakBytes <= limitBytes) return;
  const plan = planOf(trainingPlan);
  const smaller = (change: TrainingPlan): number => estimateMemory(sizes, { ...plan, ...change }).peakBytes;
  const changes: readonly [advice: string, change: TrainingPlan, possible: boolean][] = [
    [
      'checkpointing: true',
      { checkpointing: true },
      blocksAgain(plan.checkpointing, sizes.layers) < sizes.layers,
    ],
    ['microBatch: 1', { microBatch: 1 }, plan.microBatch > 1],
    [
      `rowsAtOnce: ${Math.ceil(plan.rowsAtOnce / 4)}`,
      { rowsAtOnce: Math.ceil(plan.rowsAtOnce / 4) },
      plan.rowsAtOnce > 1,
    ],
    ['adapters instead of the whole language model (lora: { rank: 16 })', { rank: 16 }, plan.rank === 0],
    ['no reference (klWeight: 0)', { reference: false }, plan.reference && plan.rank === 0],
  ];
  const useful = changes
    .filter(([, change, possible]) => possible && smaller(change) < 0.99 * estimate.peakBytes)
    .map(([advice, change]) => `${advice} (${gigabytes(smaller(change))})`);
  const all = Object.assign({}, ...changes.filter(([, , possible]) => possible).map(([, change]) => change));
  const least = smaller(all);
  const advice =
    least > limitBytes
      ? `Even with all that can be saved it takes ${gigabytes(least)}: use a smaller model or a larger device.`
      : `What helps: ${useful.join('; ')}.`;
  throw new BicotError(
    'value',
    `This training takes about ${gigabytes(estimate.peakBytes)}, but the device has ${gigabytes(limitBytes)}. ${advice}`,
  );
}

/** Bytes in words. */
export function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** An estimate as a table for people. */
export function formatMemory({ held, phases, peakBytes }: MemoryEstimate): string {
  const line = ({ name, bytes }: MemoryItem) => `  ${name.padEnd(36)}${gigabytes(bytes).padStart(12)}`;
  const shown = (items: readonly MemoryItem[]) => items.filter(({ bytes }) => bytes > 0).map(line);
  return [
    'held all the time',
    ...shown(held),
    'in one phase of a step',
    ...shown(phases),
    line({ name: 'at most', bytes: peakBytes }).replace(/^ {2}/, ''),
  ].join('\n');
}
