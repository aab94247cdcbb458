/** Training steps made by hand, for what only reads them: three groups of two, two rewards and a monitor. */
import {
  abstain,
  type EnsembleResult,
  type Finding,
  failure,
  type RewardResult,
  type RgbImage,
  type Sample,
  type StepMetrics,
  score,
  type TrainStep,
} from 'bicot';

const GROUP_SIZE = 2;
const PROMPTS = ['a red cube', 'zwei blaue Vögel', 'a dog'];
/** By step, then as `TrainStep.rewards.total`; the last group can't be scored. */
const totalsOf = (step: number): number[] => [1 + step, 2 + step, 0.5, 0.25 * step, Number.NaN, Number.NaN];

/** A picture of one colour. */
export const plainImage = (...colour: readonly [number, number, number]): RgbImage => ({
  ...{ width: 4, height: 4 },
  data: Uint8Array.from({ length: 48 }, (_, i) => colour[i % 3] as number),
});

const samplesOf = (step: number): Sample<string>[] =>
  PROMPTS.flatMap((prompt, group) =>
    Array.from({ length: GROUP_SIZE }, (_, index) => ({
      ...{ prompt, group, index, plan: `plan ${index} of "${prompt}"`, tokens: {} },
      image: plainImage(40 * group, 100 * index, step),
    })),
  );

function rewardsOf(step: number): EnsembleResult {
  const total = totalsOf(step);
  const taste = total.map((value): RewardResult => (Number.isNaN(value) ? failure('down') : score(value)));
  const detector = total.map((_, i): RewardResult => (i === 3 ? abstain() : score(i / 4)));
  const judge = total.map((_, i): RewardResult => score(step - i));
  const rows = total.length;
  const columns = [taste, detector].map((results) =>
    results.map((result) => (result.kind === 'score' ? result.value : Number.NaN)),
  );
  return {
    table: {
      ...{ names: ['taste', 'detector'], rows },
      values: Float64Array.from(
        { length: rows * 2 },
        (_, i) => columns[i % 2]?.[Math.floor(i / 2)] as number,
      ),
    },
    ...{ weights: [1, 0], preparations: [], combination: 'sum', aggregation: 'sum-then-normalize' },
    ...{ abstention: 'neutral', total: Float64Array.from(total), failures: [], calls: {} },
    dropped: [4, 5].map((sample) => ({ sample, reason: 'down' })),
    monitors: { names: ['judge'], values: Float64Array.from(total, (_, i) => step - i), rows },
    results: { taste, detector, judge },
  };
}

function metricsOf(step: number): StepMetrics {
  const member = { mean: step / 3, std: 0.5, abstained: 0, failed: 0, groupStd: 0.25 };
  const level = {
    ...{ trained: true, kl: 0.001 * step, approxKl: 0.0001, maxRatioDeviation: 1e-6, meanRatio: 1.01 },
    ...{ clipFraction: 0.125, entropy: 2.5, meanLength: 9, tokens: 54, guidanceGap: 0, gradNorm: 0.75 },
    ...{ klWeight: 0.01, entropyWeight: 0 },
  };
  return {
    step,
    reward: {
      ...{ samples: 6, mean: 1.5 + 0.1 * step, std: 0.7, dropped: 2 },
      byMember: {
        taste: {
          ...{ ...member, failed: 2, failureReason: 'down', zeroVarianceFraction: 0, correlation: 1 },
        },
        detector: { ...member, abstained: 1, zeroVarianceFraction: 0.5, correlation: Number.NaN },
      },
      shares: { taste: 1, detector: 0 },
      monitors: { judge: { ...member, zeroVarianceFraction: 0, correlation: -0.5 } },
    },
    advantages: { std: 0.9, zeroVarianceFraction: 1 / 3, resampled: 0 },
    levels: { semantic: level, token: { ...level, kl: 0.002 } },
    ...{ loss: -0.01 * step, gradNorm: 1.25, learningRate: 1e-5 / (step + 1), tokensPerSecond: 123.5 },
    seconds: { total: 2, rollout: 1, reward: 0.25, reference: 0.25, update: 0.5 },
    calls: { taste: { calls: 2, retries: 1, failedCalls: 1, cached: 0, seconds: 0.25, slowest: 0.2 } },
  };
}

/** Found in every third step. */
const FINDING: Finding = {
  ...{ code: 'reward-failures', severity: 'warning', reward: 'taste' },
  ...{ message: 'taste fails.', evidence: '2 of 6', suggestion: 'Look at it.' },
};

/** A step, always the same. */
export function madeStep(step: number): TrainStep<string> {
  return {
    metrics: metricsOf(step),
    rollout: { prompts: PROMPTS, groupSize: GROUP_SIZE, levels: [], samples: samplesOf(step) },
    rewards: rewardsOf(step),
    advantages: Float32Array.of(-1, 1, 0.5, -0.5, 0, 0),
    coefficients: {},
    findings: step % 3 === 2 ? [FINDING] : [],
  };
}
