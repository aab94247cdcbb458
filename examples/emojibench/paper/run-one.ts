import { parseArgs } from 'node:util';
import { type BackendName, selectBackend } from 'bicot/node';
import { loadAtlas } from '../../emoji/atlas-file.js';
import { loadEmojiModel, weightsChecksum } from '../../emoji/model-file.js';
import { EMOJI_BENCH } from '../world.js';
import { armNamed } from './arms.js';
import { writeRecord } from './record.js';
import { runArm } from './run-arm.js';
import { protocolHash, QUICK, SETTINGS } from './settings.js';

const { values: flags } = parseArgs({
  options: {
    arm: { type: 'string', default: 'bicot' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string', default: 'runs/paper' },
    base: { type: 'string', default: 'examples/emojibench/base' },
    backend: { type: 'string', default: 'wasm' },
    quick: { type: 'boolean', default: false },
    /** Other settings than the published ones, as JSON: for pilots. */
    settings: { type: 'string', default: '{}' },
  },
});
const started = performance.now();
const backend = await selectBackend(flags.backend as BackendName);
const settings = { ...(flags.quick ? QUICK : SETTINGS), ...JSON.parse(flags.settings) };
const arm = armNamed(flags.arm);
const emoji = await loadEmojiModel(flags.base, flags.base, EMOJI_BENCH.tokenizer);
const { samples, ...outcome } = await runArm({
  arm,
  seed: Number(flags.seed),
  settings,
  emoji,
  atlas: loadAtlas(),
  onStep: (step, { reward, judge }) => {
    if ((step + 1) % 10 === 0)
      console.log(
        `step ${step + 1}/${settings.steps}  reward ${reward.toFixed(3)}  judge ${judge.toFixed(3)}`,
      );
  },
});
emoji.model.dispose();
const seconds = (performance.now() - started) / 1000;
await writeRecord(flags.out, {
  ...outcome,
  protocol: protocolHash(settings, arm, weightsChecksum(flags.base)),
  backend: backend.name,
  cost: { seconds: Math.round(seconds), samples, date: new Date().toISOString().slice(0, 10) },
});
const accepted = [...outcome.judge].filter((verdict) => verdict === '1').length / outcome.judge.length;
console.log(`${arm.name} ${flags.seed}: judge ${(100 * accepted).toFixed(1)} %, ${seconds.toFixed(0)} s`);
