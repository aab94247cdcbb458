import { parseArgs } from 'node:util';
import { evaluate } from 'bicot';
import { type BackendName, selectBackend, writeFileAtomic } from 'bicot/node';
import { loadAtlas } from '../../emoji/atlas-file.js';
import type { EmojiSampling } from '../../emoji/experiment.js';
import { createJudge } from '../../emoji/judge.js';
import { levelShares } from '../../emoji/level-shares.js';
import { loadEmojiModel, weightsChecksum } from '../../emoji/model-file.js';
import { samplePrompts } from '../../emoji/prompts.js';
import { benchMeasures } from '../rewards.js';
import { EMOJI_BENCH } from '../world.js';
import { armNamed } from './arms.js';
import { rolloutOf } from './run-arm.js';

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string', default: 'examples/emojibench/base' },
    backend: { type: 'string', default: 'wasm' },
    prompts: { type: 'string', default: '120' },
    out: { type: 'string' },
  },
});
await selectBackend(flags.backend as BackendName);
const emoji = await loadEmojiModel(flags.base, flags.base, EMOJI_BENCH.tokenizer);
const atlas = loadAtlas();
const prompts = samplePrompts('train', Number(flags.prompts), 99, { world: EMOJI_BENCH });
const temperatures: [number, number][] = [0.3, 0.5, 0.7, 1].flatMap((plan) =>
  [0.2, 0.5, 0.8, 1].map((picture): [number, number] => [plan, picture]),
);
const grid: EmojiSampling[] = [
  ...temperatures.map(([plan, picture]) => ({
    semantic: { temperature: plan },
    token: { temperature: picture },
  })),
  ...[1.5, 2].flatMap((scale) =>
    [0.5, 1].map((temperature) => ({
      semantic: { temperature: 0.7 },
      token: { temperature, guidance: { scale } },
    })),
  ),
];
const percent = (share: number): number => Math.round(1000 * share) / 10;
const rows: { plan: boolean; sampling: EmojiSampling; judge: number; aspects: number }[] = [];
for (const plan of [true, false]) {
  for (const sampling of grid) {
    // Without a plan only the picture's settings matter.
    if (!plan && sampling.semantic.temperature !== 0.7) continue;
    const result = await evaluate({
      rollout: rolloutOf({ emoji }, { ...armNamed('base'), plan }, sampling),
      reward: benchMeasures(atlas),
      prompts,
      batch: 16,
      samplesPerPrompt: 2,
    });
    const judge = percent(result.monitors.judge?.mean ?? Number.NaN);
    rows.push({ plan, sampling, judge, aspects: percent(result.monitors.aspects?.mean ?? Number.NaN) });
    const levels = plan ? levelShares(result, createJudge(atlas)) : {};
    console.log(JSON.stringify(rows.at(-1)), `${result.seconds.toFixed(0)} s`);
    for (const [task, { plan: right, picture }] of Object.entries(levels))
      console.log(`    ${task.padEnd(10)} plan ${percent(right)} picture ${percent(picture)}`);
  }
}
emoji.model.dispose();
const best = (plan: boolean) =>
  rows.filter((row) => row.plan === plan).reduce((a, b) => (b.judge > a.judge ? b : a));
console.log('best', JSON.stringify([best(true), best(false)]));
if (flags.out) {
  const weights = weightsChecksum(flags.base);
  const report = {
    weights,
    prompts: prompts.length,
    samplesPerPrompt: 2,
    best: [best(true), best(false)],
    rows,
  };
  await writeFileAtomic(flags.out, `${JSON.stringify(report, null, 2)}\n`);
}
