import { tokenSpaceOf } from '../policy/spaces.js';
import { tokenRow } from '../policy/tokens.js';
import type { LevelRollout } from '../rollout/types.js';
import type { Finding } from '../train/findings.js';
import { asSampled, type Patient, scorableLevels, scoreLevel } from './patient.js';
import { type Outcome, outcome } from './report.js';

/** A log-prob this near to 0 may have been recorded as 0. */
const CERTAIN = -1e-3;

/** What float32 makes of a log-prob. */
const ROUNDING = 1e-4;

/** What is wrong with the lengths of a level's rows. */
interface Faults {
  /** Tokens that count although they come after an end token. */
  afterEnd: number;
  /** Rows that stop without an end token before `maxTokens`. */
  cutOff: number;
  /** Tokens at the end of a row without a recorded log-prob, though the policy is not certain of them. */
  unrecorded: number;
  /** Recorded log-probs in what counts as padding. */
  inPadding: number;
  /** Rows with any of these. */
  rows: number;
}

/** The tokens that count are the tokens that were sampled, no more and no fewer. */
export async function examineMask<P, C>(patient: Patient<P, C>): Promise<Outcome> {
  const findings: Finding[] = [];
  let rows = 0;
  for (const [batch, rollout] of patient.rollouts.entries()) {
    const scorable = scorableLevels(patient, batch);
    for (const level of rollout.levels.filter(({ policy }) => policy === patient.settings.policy)) {
      // Scoring tells certain tokens from unrecorded ones; one batch is enough for that.
      const scores =
        batch === 0 && scorable.includes(level) ? await scoreLevel(patient, asSampled(level)) : undefined;
      const unsound = new Uint8Array(level.completion.ids.length);
      const faults = faultsOf(level, scores, unsound);
      rows += level.completion.rows;
      if (batch === 0) patient.unsound.set(level.name, unsound);
      const known = findings.some((finding) => finding.level === level.name);
      if (faults.rows > 0 && !known) findings.push(wrongMask(level, faults));
      if (faults.rows === 0 && batch === 0) findings.push(...shortImages(level));
    }
  }
  return outcome(
    findings.length > 0
      ? 'lengths and recorded log-probs of some rows disagree'
      : `${rows} rows end where they should`,
    findings,
  );
}

/** The most tokens of a row, if it is known. */
function maxTokensOf<C>(level: LevelRollout<C>): number | undefined {
  const space = tokenSpaceOf(level.policy, level.space);
  return level.sampling.maxTokens ?? (space.kind === 'image' ? space.length : undefined);
}

/** Marks unsound tokens and counts what is wrong. */
function faultsOf<C>(level: LevelRollout<C>, scores: Float32Array | undefined, unsound: Uint8Array): Faults {
  const { completion, behaviourLogProbs } = level;
  const { endToken } = tokenSpaceOf(level.policy, level.space);
  const maxTokens = maxTokensOf(level) ?? 0;
  // A sampler that drops tokens is certain of the only one that it keeps: a true 0, wherever it stands.
  const telling = scores && dropsTokens(level, scores) ? undefined : scores;
  const faults: Faults = { afterEnd: 0, cutOff: 0, unrecorded: 0, inPadding: 0, rows: 0 };
  for (let row = 0; row < completion.rows; row++) {
    const tokens = tokenRow(completion, row);
    const start = row * completion.width;
    const end = endToken === undefined ? -1 : tokens.indexOf(endToken);
    const sound = soundLength(level, row, end, telling);
    unsound.fill(1, start + sound, start + tokens.length);
    const afterEnd = end < 0 ? 0 : tokens.length - end - 1;
    const cutOff = end < 0 && tokens.length < maxTokens;
    const padding = behaviourLogProbs.subarray(start + tokens.length, start + completion.width);
    const inPadding = padding.filter((value) => value !== 0).length;
    const unrecorded = tokens.length - afterEnd - sound;
    faults.afterEnd += afterEnd;
    faults.cutOff += cutOff ? 1 : 0;
    faults.unrecorded += Math.max(0, unrecorded);
    faults.inPadding += inPadding;
    if (afterEnd > 0 || cutOff || unrecorded > 0 || inPadding > 0) faults.rows++;
  }
  return faults;
}

/** The row's tokens up to its end token, less trailing ones that have no recorded log-prob. */
function soundLength<C>(
  { completion, behaviourLogProbs }: LevelRollout<C>,
  row: number,
  end: number,
  scores: Float32Array | undefined,
): number {
  const start = row * completion.width;
  let length = end < 0 ? (completion.lengths[row] as number) : end + 1;
  if (!scores) return length;
  const full = length;
  while (
    length > 0 &&
    behaviourLogProbs[start + length - 1] === 0 &&
    (scores[start + length - 1] as number) < CERTAIN
  ) {
    length--;
  }
  // A row without any recorded log-prob was not recorded at all: not the mask's fault.
  return length === 0 ? full : length;
}

/**
 * Whether the level looks as if the sampler dropped tokens that the level does not tell of: zeros before recorded
 * log-probs, or recorded log-probs that are never below the scored ones. Zeros at the end of rows decide nothing.
 */
function dropsTokens<C>(level: LevelRollout<C>, scores: Float32Array): boolean {
  const { completion, behaviourLogProbs } = level;
  const { endToken } = tokenSpaceOf(level.policy, level.space);
  let [above, below] = [false, false];
  for (let row = 0; row < completion.rows; row++) {
    const start = row * completion.width;
    const tokens = tokenRow(completion, row);
    const end = endToken === undefined ? -1 : tokens.indexOf(endToken);
    let last = start + (end < 0 ? tokens.length : end + 1) - 1;
    while (last >= start && behaviourLogProbs[last] === 0) last--;
    for (let i = start; i <= last; i++) {
      const [recorded, scored] = [behaviourLogProbs[i] as number, scores[i] as number];
      if (recorded === 0 && scored < CERTAIN) return true;
      above ||= recorded - scored > ROUNDING;
      below ||= !(recorded - scored > -ROUNDING);
    }
  }
  return above && !below;
}

function wrongMask<C>(level: LevelRollout<C>, faults: Faults): Finding {
  const { afterEnd, cutOff, unrecorded, inPadding, rows } = faults;
  const tooLong = afterEnd + unrecorded > 0;
  const told = [
    afterEnd > 0 && `${afterEnd} tokens count although they come after the end token`,
    unrecorded > 0 && `${unrecorded} tokens at the end of rows count without a recorded log-prob`,
    cutOff > 0 && `${cutOff} rows stop before maxTokens ${maxTokensOf(level)} without an end token`,
    inPadding > 0 && `${inPadding} sampled tokens (with recorded log-probs) count as padding`,
  ].filter((part) => part !== false);
  return {
    code: 'wrong-mask',
    severity: 'error',
    message: `The lengths of level '${level.name}' are wrong: ${tooLong ? 'tokens count that were never sampled' : 'sampled tokens do not count'}.`,
    evidence: `${told.join('; ')}; ${rows} of ${level.completion.rows} rows (allowed: none)`,
    suggestion:
      "A row's length is the number of its sampled tokens, the end token included; the first end token ends it. Check endToken of the space and the lengths that the rollout returns.",
    level: level.name,
  };
}

/** Pictures that are cut short on purpose can't be decoded by most tokenizers. */
function shortImages<C>(level: LevelRollout<C>): Finding[] {
  const space = tokenSpaceOf(level.policy, level.space);
  const maxTokens = maxTokensOf(level) ?? 0;
  if (space.kind !== 'image' || maxTokens >= space.length) return [];
  return [
    {
      code: 'wrong-mask',
      severity: 'note',
      message: `Level '${level.name}' samples only a part of each picture.`,
      evidence: `maxTokens is ${maxTokens}, a picture of space '${level.space}' has ${space.length} tokens`,
      suggestion: 'Leave maxTokens out, unless rewards look at the tokens only.',
      level: level.name,
    },
  ];
}
