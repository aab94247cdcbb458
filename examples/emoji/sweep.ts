/**
 * Finds the settings at which the base model draws best, so that training is compared with the best that sampling
 * alone can do:
 *
 *     npx tsx examples/emoji/sweep.ts --base examples/emoji/base --prompts 100 --out examples/emoji/base/sweep.json
 */
import { parseArgs } from 'node:util';
import { evaluate } from 'bicot';
import { type BackendName, selectBackend, writeFileAtomic } from 'bicot/node';
import { loadAtlas } from './atlas-file.js';
import { type EmojiSampling, emojiRewards, emojiRollout, emojiScores } from './experiment.js';
import { loadEmojiModel } from './model.js';
import { samplePrompts } from './prompts.js';

const { values: flags } = parseArgs({
  options: {
    backend: { type: 'string' },
    base: { type: 'string', default: 'examples/emoji/base' },
    prompts: { type: 'string', default: '100' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string' },
  },
});
const backend = await selectBackend(flags.backend as BackendName | undefined);
const { model } = await loadEmojiModel(flags.base);
const reward = emojiRewards(loadAtlas());
const seed = Number(flags.seed);
const prompts = samplePrompts('heldout', Number(flags.prompts), seed);

// One knob at a time around plain sampling, then the corners where two of them could help each other.
const grid: EmojiSampling[] = [
  { temperature: 1 },
  ...[0.2, 0.5, 0.7, 0.85, 1.15].map((temperature) => ({ temperature })),
  ...[0.7, 0.8, 0.9, 0.95].map((topP) => ({ temperature: 1, topP })),
  ...[0.5, 1.5, 2, 3, 5].map((scale) => ({ temperature: 1, guidance: { scale } })),
  ...[0.5, 1.5, 3].map((scale) => ({ temperature: 0.7, guidance: { scale } })),
  ...[0.5, 1.5, 3].map((scale) => ({ temperature: 1, topP: 0.9, guidance: { scale } })),
  ...[1.15, 1.3].map((temperature) => ({ temperature, topP: 0.9 })),
  ...[1.15, 1.3].map((temperature) => ({ temperature, topP: 0.9, guidance: { scale: 0.7 } })),
];

const rows = [];
for (const sampling of grid) {
  const result = await evaluate({ rollout: emojiRollout(model, sampling), reward, prompts, seed });
  const scores = emojiScores(result);
  rows.push({ sampling, ...scores });
  console.log(JSON.stringify(sampling).padEnd(60), JSON.stringify(scores), `${result.seconds.toFixed(0)} s`);
}
const best = rows.reduce((a, b) => (b.judge > a.judge ? b : a));
console.log('best', JSON.stringify(best));
if (flags.out) {
  const report = {
    backend: backend.name,
    seed,
    prompts: prompts.length,
    samplesPerPrompt: 4,
    best: best.sampling,
    rows,
  };
  await writeFileAtomic(flags.out, `${JSON.stringify(report, null, 2)}\n`);
}
