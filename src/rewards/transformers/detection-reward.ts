import { BicotError, isBicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import { normalizeNoun } from '../detection.js';
import { abstain, failure, type RewardCall, type RewardFunction, type RewardResult } from '../reward.js';
import { type RuleRow, ruleScore } from '../rules.js';
import { throwIfAborted } from './abort.js';
import type { Detector } from './detector.js';
import { judgePictures, type PicturedSample } from './samples.js';

/** Options of `detectionReward`. */
export interface DetectionRewardOptions<Prompt> {
  /** What finds the objects. The reward does not dispose it: several may share one. */
  readonly detector: Detector;
  /** What a prompt asks for. Default: the prompt itself, a row of T2I-R1's file. */
  readonly row?: (prompt: Prompt) => RuleRow;
  /** Options of the rules, as `ruleScore` takes them. Default: its own. */
  readonly rules?: Parameters<typeof ruleScore>[2];
}

const WHERE = 'detectionReward';
/** Errors about one sample; others are about the detector. */
const OF_ONE_SAMPLE = ['reward', 'prompt-row'] as const;

/**
 * A reward that looks for what the prompt asks for and scores by the rule that fits its row (`ruleScore`): a spatial relation, counts, or
 * the presence of all nouns. One call of the detector per sample, one after another; the signal is obeyed between them.
 * Samples without a picture abstain, and those whose row names no objects; what the detector or a rule can't judge fails.
 * @returns the reward, which owns nothing
 * @throws BicotError `value` for options; its calls throw `prompt-row` for a prompt that is no row, `aborted`, and what the
 *   detector throws, but for errors of code `reward`
 */
export function detectionReward<Prompt = RuleRow>(
  options: DetectionRewardOptions<Prompt>,
): RewardFunction<Prompt> {
  assertKnownOptions(WHERE, options, ['detector', 'row', 'rules']);
  const { detector, row = asRow, rules } = options;
  if (typeof detector !== 'function') {
    throw new BicotError(
      'value',
      `${WHERE}: detector is ${String(detector)}, but must be a function. Make one with objectDetection({ model }).`,
    );
  }
  const judge = async (
    { image, prompt }: PicturedSample<Prompt>,
    call?: RewardCall,
  ): Promise<RewardResult> => {
    const wanted = row(prompt);
    const nouns = nounsOf(wanted);
    if (nouns.length === 0) return abstain('the row names no objects');
    try {
      return ruleScore(wanted, await detector(image, nouns, call), rules);
    } catch (error) {
      if (OF_ONE_SAMPLE.some((code) => isBicotError(error, code))) return failure((error as Error).message);
      throw error;
    }
  };
  return (samples, call) =>
    judgePictures(samples, async (pictured) => {
      const results: RewardResult[] = [];
      for (const sample of pictured) {
        throwIfAborted(WHERE, call?.signal);
        results.push(await judge(sample, call));
      }
      return results;
    });
}

function asRow(prompt: unknown): RuleRow {
  if (typeof prompt === 'object' && prompt !== null && Array.isArray((prompt as Partial<RuleRow>).nouns)) {
    return prompt as RuleRow;
  }
  throw new BicotError(
    'prompt-row',
    `${WHERE}: a prompt is ${JSON.stringify(prompt)}, but must be a row with \`nouns\`. Pass \`row\` to make one of it.`,
  );
}

/** All that a rule could look for, each once, as it is first spelt. */
function nounsOf({ nouns, spatial_info, numeracy_info }: RuleRow): readonly string[] {
  const named = [
    ...nouns,
    ...(spatial_info ? [spatial_info.obj1, spatial_info.obj2] : []),
    ...(numeracy_info ?? []).map(({ obj_name }) => obj_name),
  ];
  const distinct = new Map<string, string>();
  for (const noun of named) {
    const key = normalizeNoun(noun);
    if (key !== '' && !distinct.has(key)) distinct.set(key, noun);
  }
  return [...distinct.values()];
}
