import { BicotError } from '../../errors.js';
import { gigabytes, type MemoryItem, planOf, type TrainingPlan } from './memory.js';
import type { ModelSizes } from './sizes.js';
import { vqDecodeBytes } from './vq.js';

/** A tensor that work makes. */
export interface WorkTensor extends MemoryItem {
  /** What it grows with. Absent: nothing that a plan decides. */
  readonly option?: 'rowsAtOnce' | 'microBatch';
}

const FLOAT = 4;

/**
 * The largest single tensors that a training step makes, of each kind one; a device may have memory for all of them and no
 * buffer for one. Weights are not among them. Logits of a scored batch are not either: `headLogProbs` cuts those to what
 * the backend allows, except under guidance that trains the guided distribution, and for entropy.
 * @throws BicotError `value` for a plan that is none
 */
export function workTensors(sizes: ModelSizes, trainingPlan: TrainingPlan = {}): WorkTensor[] {
  const plan = planOf(trainingPlan);
  const { width, hidden, heads, imageLength, textVocabulary, imageVocabulary } = sizes;
  const plans = plan.planTokens > 0;
  const images = plan.rowsAtOnce * (plan.guidance ? 2 : 1);
  const length = Math.max(plans ? plan.promptTokens + plan.planTokens : 0, plan.contextTokens + imageLength);
  // The fused cache keeps contexts apart from what rows add; samples of one prompt share theirs.
  const cache = (contexts: number, rows: number, context: number, own: number): number =>
    width * (plan.fused ? Math.max(contexts * context, rows * own) : rows * (context + own));
  // Each image has a plan, so a context, of its own.
  const prefilled = Math.max(plans ? plan.promptTokens : 0, images * plan.contextTokens);
  const scores = Math.max(plans ? plan.promptTokens ** 2 : 0, images * plan.contextTokens ** 2) * heads;
  const items: readonly [name: string, numbers: number, option?: WorkTensor['option']][] = [
    [
      'rollout: keys of one block, plans',
      plans ? cache(1, plan.rowsAtOnce, plan.promptTokens, plan.planTokens) : 0,
      'rowsAtOnce',
    ],
    [
      'rollout: keys of one block, images',
      cache(images, images, plan.contextTokens, imageLength),
      'rowsAtOnce',
    ],
    ['rollout: logits of a step, plans', plans ? plan.rowsAtOnce * textVocabulary : 0, 'rowsAtOnce'],
    ['rollout: logits of a step, images', images * imageVocabulary, 'rowsAtOnce'],
    ['rollout: gated layer of the contexts', prefilled * Math.max(hidden, width), 'rowsAtOnce'],
    ['rollout: attention of the contexts', plan.fused ? 0 : scores, 'rowsAtOnce'],
    ['rollout: pixels', vqDecodeBytes(sizes.decoder) / 4 / FLOAT],
    ['update: gated layer', plan.microBatch * length * Math.max(hidden, width), 'microBatch'],
    ['update: attention', plan.fused ? 0 : plan.microBatch * heads * length ** 2, 'microBatch'],
  ];
  return items
    .filter(([, numbers]) => numbers > 0)
    .map(([name, numbers, option]) => ({ name, bytes: FLOAT * numbers, ...(option && { option }) }));
}

/**
 * Throws if a training step makes a tensor that is larger than a device allows, with what would help.
 * @param tensorBytes what the device allows for one tensor
 * @throws BicotError `value`
 */
export function assertWorkFits(sizes: ModelSizes, trainingPlan: TrainingPlan, tensorBytes: number): void {
  const plan = planOf(trainingPlan);
  const tooLarge = (change: TrainingPlan): WorkTensor[] =>
    workTensors(sizes, { ...plan, ...change }).filter(({ bytes }) => bytes > tensorBytes);
  const [largest] = tooLarge({}).sort((a, b) => b.bytes - a.bytes);
  if (!largest) return;
  /** Half as many again and again, until what grows with them fits. */
  const fewer = (option: 'rowsAtOnce' | 'microBatch'): number => {
    let count = plan[option];
    while (count > 1 && tooLarge({ [option]: count }).some((item) => item.option === option)) {
      count = Math.ceil(count / 2);
    }
    return count;
  };
  const changes = { rowsAtOnce: fewer('rowsAtOnce'), microBatch: fewer('microBatch') };
  const named = (['rowsAtOnce', 'microBatch'] as const)
    .filter((option) => changes[option] < plan[option])
    .map((option) => `${option}: ${changes[option]}`);
  const advice =
    tooLarge(changes).length === 0
      ? `What helps: ${named.join(' and ')}; or a backend without that limit (tfjs-node).`
      : 'With one row at a time it is too large still: use a smaller model, or a backend without that limit (tfjs-node).';
  throw new BicotError(
    'value',
    `This training makes a tensor of ${gigabytes(largest.bytes)} (${largest.name}), but the device allows ${gigabytes(tensorBytes)} for one. ${advice}`,
  );
}
