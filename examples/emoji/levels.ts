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
import { loadEmojiModel } from './model-file.js';
import { parsePlan } from './plan.js';
import { samplePrompts } from './prompts.js';
import { isMet, specOf } from './requirement.js';
import { GRID } from './scene.js';
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
const judge = createJudge(atlas);
const { samples } = await evaluate({
  rollout: emojiRollout(model, demoSettings().trainedSampling),
  reward: emojiRewards(atlas),
  prompts: samplePrompts('heldout', 100, Number(flags.seed)),
  seed: Number(flags.seed),
});
const placed = (object: { noun?: string; color?: string; cell: number }): string =>
  `${object.color ?? ''} ${object.noun} ${object.cell}`;

for (const task of TASK_TYPES) {
  const own = samples.filter(({ sample }) => sample.prompt.task_type === task);
  const rightPlans = own.filter(({ sample }) => {
    const scene = parsePlan(sample.plan ?? '');
    return scene !== undefined && isMet(specOf(sample.prompt), scene);
  });
  const followed = own.filter(({ sample }) => {
    const planned = parsePlan(sample.plan ?? '')
      ?.objects.map(placed)
      .sort();
    const shown = sample.image
      ? judge
          .judgeScene(sample.image)
          .map(({ noun, color, column, row }) => placed({ noun, color, cell: row * GRID + column }))
          .sort()
      : undefined;
    return planned !== undefined && planned.join() === shown?.join();
  });
  const percent = (part: readonly unknown[]) =>
    `${((100 * part.length) / own.length).toFixed(1)} %`.padStart(8);
  console.log(
    `${task.padEnd(10)} plan meets the prompt ${percent(rightPlans)}   picture shows the plan ${percent(followed)}`,
  );
}
model.dispose();
