import type * as tf from '@tensorflow/tfjs';
import type { KlKind } from '../../objective/kl.js';
import { type LevelLossInput, type LossObjective, levelLoss } from '../../objective/loss.js';
import { levelObjective, lossObjective } from '../../objective/objective.js';
import { type PresetName, presetObjective } from '../../objective/presets.js';
import { clipped } from '../../objective/surrogates/clipped.js';
import type { BackendCase } from './backend-case.js';
import { type Operation, operationCases } from './operation.js';
import { floats, given } from './values.js';

/** Every preset. */
export const PRESETS = {
  ...{ t2iR1: 1, balanced: 1, grpo: 1, bnpo: 1, drGrpo: 1, dapo: 1, cispo: 1, sapo: 1, gspo: 1 },
} as const satisfies Readonly<Record<PresetName, 1>>;

/** Every estimator of the KL. */
const ESTIMATORS = {
  ...{ k1: 1, k2: 1, k3: 1, abs: 1, 'k1+': 1, 'k3+': 1, 'abs+': 1 },
} as const satisfies Readonly<Record<KlKind, 1>>;

const SHAPE = [4, 5];
/** Tokens of each row; the rest is padding. */
const LENGTHS = [5, 3, 1, 4];
const near = (key: string, spread: number) =>
  // Log-probs near the policy's own, so that some ratios are clipped and others are not.
  floats('log-probs', SHAPE).values.map((value, i) => {
    const moved = floats(key, SHAPE).values[i] as number;
    return -Math.abs(2 * value) - 0.2 + spread * moved;
  });
const INPUTS = [
  given([...near('policy', 0.2)], SHAPE),
  given([...near('old', 0.2)], SHAPE),
  given([...near('behaviour', 0.2)], SHAPE),
  given([...near('reference', 0.3)], SHAPE),
  floats('entropy', SHAPE, Math.abs),
  given([1.2, -0.7, 0.4, -0.9]),
  floats('weights', SHAPE, (_, i) => (i % 5 < (LENGTHS[Math.floor(i / 5)] as number) ? 1 / 13 : 0)),
];

function lossOperation(label: string, objective: LossObjective): Operation {
  return {
    ...{ op: 'levelLoss', label, inputs: INPUTS, kind: 'loss', by: [0, 4] },
    run: (...tensors) => {
      const [logProbs, oldLogProbs, behaviourLogProbs, referenceLogProbs, entropy, advantages, weights] =
        tensors as tf.Tensor[];
      const input = {
        logProbs,
        oldLogProbs,
        behaviourLogProbs,
        referenceLogProbs,
        entropy,
        advantages,
        weights,
      };
      return levelLoss(input as unknown as LevelLossInput, objective);
    },
  };
}

/** Every preset's loss, and what else a loss can be made of, with gradients of log-probs and entropies. */
export function lossCases(): BackendCase[] {
  // A penalty and a bonus in each, so that no term is left out.
  const terms = { klWeight: 0.05, entropyWeight: 0.01 };
  const presets = (Object.keys(PRESETS) as PresetName[]).map((name) =>
    lossOperation(name, { ...lossObjective(levelObjective(presetObjective(name), 'token')), ...terms }),
  );
  const surrogate = clipped({ low: 0.2, high: 0.28 });
  const estimators = (Object.keys(ESTIMATORS) as KlKind[]).map((klEstimator) =>
    lossOperation(`clipped, KL by ${klEstimator}`, { ...terms, surrogate, klEstimator }),
  );
  const corrected = lossOperation('clipped, off-policy corrections', {
    ...{ ...terms, surrogate, klImportance: true, offPolicyThreshold: 0.1 },
    importance: { level: 'token', mode: 'truncate', max: 1.1 },
  });
  return [...presets, ...estimators, corrected].flatMap((operation) => operationCases(operation));
}
