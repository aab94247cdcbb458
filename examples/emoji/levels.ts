/**
 * Where a model errs: the share of plans that meet their prompt, and of pictures that show their plan.
 *
 *     npx tsx examples/emoji/levels.ts --model examples/emoji/base
 */
import { parseArgs } from 'node:util';
import { evaluate } from 'bicot';
import { selectBackend } from 'bicot/node';
import { loadAtlas } from './atlas-file.js';
import { emojiRewards, emojiRollout } from './experiment.js';
import { TASK_TYPES } from './forms.js';
import { createJudge } from './judge.js';
import { type LevelShares, levelShares } from './level-shares.js';
import { loadEmojiModel } from './model-file.js';
import { samplePrompts } from './prompts.js';
import { demoSettings } from './settings.js';

const { values: flags } = parseArgs({
  options: {
    /** A folder with model.safetensors; the codebook is the base's. */
    model: { type: 'string', default: 'examples/emoji/base' },
    seed: { type: 'string', default: '0' },
  },
});
await selectBackend('wasm');
const { model } = await loadEmojiModel('examples/emoji/base', flags.model);
const atlas = loadAtlas();
const { samples } = await evaluate({
  rollout: emojiRollout(model, demoSettings().trainedSampling),
  reward: emojiRewards(atlas),
  prompts: samplePrompts('heldout', 100, Number(flags.seed)),
  seed: Number(flags.seed),
});
const shares = levelShares({ samples }, createJudge(atlas));
const percent = (share: number): string => `${(Math.round(1000 * share) / 10).toFixed(1)} %`.padStart(8);
for (const task of TASK_TYPES) {
  const { plan, picture } = shares[task] as LevelShares;
  console.log(
    `${task.padEnd(10)} plan meets the prompt ${percent(plan)}   picture shows the plan ${percent(picture)}`,
  );
}
model.dispose();
