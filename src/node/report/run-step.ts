/** What one reward gave in one step, as a `metrics.jsonl` has it. */
export interface RunReward {
  /** NaN where the step has none. */
  readonly mean: number;
  /** Over the whole batch. NaN where the step has none. */
  readonly std: number;
  /** Samples that it could not score. 0 where the record does not say. */
  readonly failed: number;
  /** Samples that it abstained on. 0 where the record does not say. */
  readonly abstained: number;
}

/** One level in one step; see `LevelMetrics`. NaN where the record has no number. */
export interface RunLevel {
  /** KL(policy ‖ reference), k3. */
  readonly kl: number;
  /** max |ratio − 1| before the first update. */
  readonly maxRatioDeviation: number;
  /** In nats, of the distribution sampled from. */
  readonly entropy: number;
  /** Share of the tokens whose gradient the clip removed. */
  readonly clipFraction: number;
  /** Of the level's own gradient, before clipping. */
  readonly gradNorm: number;
  /** Tokens of a row, the end token included. */
  readonly meanLength: number;
}

/** What a report shows of one step: a `StepMetrics` that may lack anything. NaN where the record has no number. */
export interface RunStep {
  /** From 0. */
  readonly step: number;
  /** Mean of the weighted total. */
  readonly reward: number;
  /** Samples that are out because of failures. 0 where the record does not say. */
  readonly dropped: number;
  /** Those that are trained, by name. */
  readonly rewards: Readonly<Record<string, RunReward>>;
  /** Rewards that are only watched, by name. */
  readonly monitors: Readonly<Record<string, RunReward>>;
  /** By level name. */
  readonly levels: Readonly<Record<string, RunLevel>>;
  /** Share of the groups whose samples all got the same reward. */
  readonly zeroVarianceFraction: number;
  /** Of the last update, before it. */
  readonly loss: number;
  /** Of the last update, before clipping. */
  readonly gradNorm: number;
  /** Of the step's updates. */
  readonly learningRate: number;
  /** Sampled tokens of all levels, by wall time. */
  readonly tokensPerSecond: number;
  /** Wall time, in seconds. */
  readonly seconds: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** A record's fields; of what is no record, none. */
export const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

/** A number of a record; JSON has no NaN, so it is null there. */
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);

/** A step's number. @returns undefined for what is no whole number from 0 */
export const stepOf = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;

/**
 * Reads one record of `metrics.jsonl`. Fields that it does not know are ignored, and those that it lacks are NaN or empty.
 * @returns undefined for what is no record of a step
 */
export function readRunStep(record: unknown): RunStep | undefined {
  const fields = fieldsOf(record);
  const step = stepOf(fields.step);
  if (step === undefined) return undefined;
  const reward = fieldsOf(fields.reward);
  return {
    step,
    reward: numberOf(reward.mean),
    dropped: numberOf(reward.dropped) || 0,
    rewards: mapFields(reward.byMember, readReward),
    monitors: mapFields(reward.monitors, readReward),
    levels: mapFields(fields.levels, readLevel),
    zeroVarianceFraction: numberOf(fieldsOf(fields.advantages).zeroVarianceFraction),
    loss: numberOf(fields.loss),
    gradNorm: numberOf(fields.gradNorm),
    learningRate: numberOf(fields.learningRate),
    tokensPerSecond: numberOf(fields.tokensPerSecond),
    seconds: numberOf(fieldsOf(fields.seconds).total),
  };
}

/** Names come from a file: a `__proto__` among them is a name like any other. */
function mapFields<T>(value: unknown, read: (fields: Fields) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).map(([name, of]) => [name, read(fieldsOf(of))]));
}

function readReward(fields: Fields): RunReward {
  return {
    mean: numberOf(fields.mean),
    std: numberOf(fields.std),
    failed: numberOf(fields.failed) || 0,
    abstained: numberOf(fields.abstained) || 0,
  };
}

function readLevel(fields: Fields): RunLevel {
  return {
    kl: numberOf(fields.kl),
    maxRatioDeviation: numberOf(fields.maxRatioDeviation),
    entropy: numberOf(fields.entropy),
    clipFraction: numberOf(fields.clipFraction),
    gradNorm: numberOf(fields.gradNorm),
    meanLength: numberOf(fields.meanLength),
  };
}
