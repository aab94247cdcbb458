import { parseArgs } from 'node:util';
import { evaluate } from 'bicot';
import { type BackendName, selectBackend, writeFileAtomic } from 'bicot/node';
import { loadAtlas } from './atlas-file.js';
import {
  type EmojiSampling,
  emojiRewards,
  emojiRollout,
  emojiScores,
  type LevelSampling,
} from './experiment.js';
import { loadEmojiModel, weightsChecksum } from './model-file.js';
import { samplePrompts } from './prompts.js';
import { demoSettings } from './settings.js';

const { values: flags } = parseArgs({
  options: {
    backend: { type: 'string' },
    base: { type: 'string', default: 'examples/emoji/base' },
    /** Held-out prompts of each seed. */
    prompts: { type: 'string', default: '40' },
    /** The demo's evaluations with these seeds begin with the same prompts. */
    seeds: { type: 'string', default: '0,1,2' },
    out: { type: 'string' },
  },
});
const backend = await selectBackend(flags.backend as BackendName | undefined);
const { model } = await loadEmojiModel(flags.base);
const reward = emojiRewards(loadAtlas());
const prompts = flags.seeds
  .split(',')
  .flatMap((seed) => samplePrompts('heldout', Number(flags.prompts), Number(seed)));
const weights = weightsChecksum(flags.base);

const both = (level: LevelSampling): EmojiSampling => ({ semantic: level, token: level });
const guided = (scale: number): LevelSampling => ({ guidance: { scale } });
const grid: EmojiSampling[] = [
  // The same for plan and picture.
  ...[0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1].map((temperature) => both({ temperature })),
  ...[0.7, 0.8, 0.9].map((topP) => both({ topP })),
  ...[0.8, 0.9].map((topP) => both({ temperature: 0.7, topP })),
  ...[1.5, 2, 3].flatMap((scale) =>
    [1, 0.7, 0.5].map((temperature) => both({ temperature, ...guided(scale) })),
  ),
  demoSettings().trainedSampling,
  // Pictures as clean as they get, and plans more or less daring.
  ...[0.5, 0.7, 0.85, 1].map((temperature) => ({ semantic: { temperature }, token: { temperature: 0.2 } })),
  ...[0.7, 1].map((temperature) => ({
    semantic: { temperature, topP: 0.9 },
    token: { temperature: 0.2 },
  })),
  ...[1.5, 2].map((scale) => ({ semantic: guided(scale), token: { temperature: 0.2 } })),
  ...[1.5, 2].map((scale) => ({
    semantic: { temperature: 0.5 },
    token: { temperature: 0.5, ...guided(scale) },
  })),
];

const rows = [];
for (const sampling of grid) {
  const result = await evaluate({ rollout: emojiRollout(model, sampling), reward, prompts });
  const scores = emojiScores(result);
  rows.push({ sampling, ...scores });
  console.log(JSON.stringify(sampling).padEnd(60), JSON.stringify(scores), `${result.seconds.toFixed(0)} s`);
}
const best = rows.reduce((a, b) => (b.judge > a.judge ? b : a));
console.log('best', JSON.stringify(best));
if (flags.out) {
  const report = {
    weights,
    backend: backend.name,
    seeds: flags.seeds,
    prompts: prompts.length,
    samplesPerPrompt: 4,
    best: best.sampling,
    rows,
  };
  await writeFileAtomic(flags.out, `${JSON.stringify(report, null, 2)}\n`);
}
