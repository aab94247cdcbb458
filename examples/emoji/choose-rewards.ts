import { type RewardName, WORLD_REWARDS } from './rewards.js';

/** What each trained reward counts, by name; a reward that is not named is not trained on. */
export type RewardWeights = Readonly<Partial<Record<RewardName, number>>>;

/**
 * The demo's rewards, and what each counts. They add up to 1; where `attribute` abstains (places, numbers) the rest do
 * not, which changes nothing within a group.
 */
export const REWARD_WEIGHTS = {
  /** What the prompt asks for is there, by the rules for objects, places and numbers. */
  detector: 0.5,
  /** What is there looks as asked for; abstains on places and numbers. */
  attribute: 0.35,
  /** Cells are drawn cleanly, and not too many of them, whatever was asked for. */
  quality: 0.05,
  /** The picture follows the sample's own plan, whatever was asked for. */
  faithful: 0.1,
} as const satisfies RewardWeights;

const isRewardName = (name: string): name is RewardName =>
  (WORLD_REWARDS as readonly string[]).includes(name);

/**
 * Reads `detector,quality=0.5`: names of rewards, each with a weight or the one that it has in the demo (one that the
 * demo does not train on: 1).
 * @throws Error for an unknown name, one named twice, a weight that is no number, or nothing that counts
 */
export function parseRewards(text: string): RewardWeights {
  const weights: Partial<Record<RewardName, number>> = {};
  const wrong = (what: string): Error =>
    new Error(
      `--rewards ${text}: ${what}. The rewards are ${WORLD_REWARDS.join(', ')}; give some of them, as detector,quality=0.5. ` +
        'The judge only watches, whatever is trained on.',
    );
  for (const entry of text.split(',')) {
    const [name = '', weight, ...rest] = entry.split('=').map((part) => part.trim());
    if (!isRewardName(name)) throw wrong(`there is no reward '${name}'`);
    if (name in weights) throw wrong(`'${name}' is there twice`);
    const usual = (REWARD_WEIGHTS as RewardWeights)[name] ?? 1;
    const value = weight === undefined ? usual : Number(weight || Number.NaN);
    if (!Number.isFinite(value) || rest.length > 0) throw wrong(`the weight of '${name}' is not a number`);
    weights[name] = value;
  }
  if (Object.values(weights).every((weight) => weight === 0)) throw wrong('all weights are 0');
  return weights;
}
