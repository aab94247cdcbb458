import { isHeldOut } from '../emoji/holdout.js';
import type { NoiseRates } from '../emoji/noise.js';
import { tokenizerWith } from '../emoji/vocabulary.js';
import type { World } from '../emoji/world.js';
import { BENCH_FACTS, hasHeldOutPhrase } from './facts.js';
import { BENCH_FORMS, BENCH_TASKS } from './forms.js';

/**
 * How EmojiBench's corpus errs: at both levels. Plans are stock layouts or sloppy ones, as in the demo; and what is
 * drawn follows the draughtsman's habits (`habit.ts`) more often than the plan where the two differ. So a low
 * temperature mends neither level.
 */
export const BENCH_NOISE: NoiseRates = { stock: 0.35, sloppy: 0.1, slip: 0.05, habit: 0.55 };

/** EmojiBench: the demo's nouns and grid, with complex prompts, more to reason about, and a draughtsman of habit. */
export const EMOJI_BENCH: World = {
  tasks: BENCH_TASKS,
  forms: BENCH_FORMS,
  isHeldOut: (row) => isHeldOut(row) || hasHeldOutPhrase(row),
  noise: BENCH_NOISE,
  planless: 0.3,
  tokenizer: tokenizerWith(BENCH_FACTS.flatMap(({ phrases }) => phrases)),
};
