/**
 * The world of `npx bicot demo`, to experiment with: emoji scenes, their prompts, a base model that draws them
 * imperfectly, rewards, and a judge that only watches. A small benchmark, not a part of the method: its names may change in
 * a minor version.
 */
export type { Atlas, Sprite, SpriteKey } from './atlas.js';
export { loadAtlas } from './atlas-file.js';
export { REWARD_WEIGHTS, type RewardWeights } from './choose-rewards.js';
export {
  type EmojiSampling,
  type EmojiScores,
  emojiMeasures,
  emojiRewards,
  emojiRollout,
  emojiScores,
  type LevelSampling,
  shuffledRewards,
  verdictReward,
} from './experiment.js';
export { type Form, TASK_TYPES, type TaskType } from './forms.js';
export { createJudge, type Judge, type JudgedObject } from './judge.js';
export {
  type EmojiContexts,
  type EmojiModel,
  emojiContexts,
  semanticContext,
  tokenContext,
} from './model.js';
export { loadEmojiModel } from './model-file.js';
export type { NoiseRates } from './noise.js';
export { COLORS, type Color } from './nouns.js';
export { beforeAfterGrid, evaluationGrid } from './pictures.js';
export { PLAN_TOKENS, parsePlan, planOf } from './plan.js';
export { type SampleOptions, type Split, samplePrompts } from './prompts.js';
export { type RewardName, WORLD_REWARDS, type WorldRewards, worldRewards } from './rewards.js';
export { renderScene, type Scene, type SceneObject } from './scene.js';
export { type DemoSettings, demoSettings } from './settings.js';
export { DEMO_WORLD, type World } from './world.js';
