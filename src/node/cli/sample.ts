import { join } from 'node:path';
import { evaluateReward } from '../../rewards/ensemble/ensemble.js';
import type { Sample } from '../../rewards/reward.js';
import { startRun } from './runs/parts.js';
import { assertPngPath, savePictureGrid } from './runs/picture-grid.js';
import { progressOutput } from './runs/progress.js';
import { savedConfig } from './runs/saved.js';
import { loadWeightsOf, WEIGHTS_HELP, WEIGHTS_OPTIONS } from './runs/weights.js';
import { parseArguments, UsageError } from './usage.js';

const HELP = `usage: bicot sample RUN "PROMPT" [options]

Draws a prompt with a run's weights: prints each plan, the score of the run's rewards, and the path of the pictures.

  --n N            pictures; default 1
  --seed N         default 0
  --out FILE       default: samples/ in the run's folder
${WEIGHTS_HELP}
  --json           the plans, scores and paths as JSON
  --help           this text

Exit status: 0 done, 1 an error, 2 not understood.`;

/** No training step and no evaluation: what is drawn here is drawn nowhere else. */
const SAMPLE_STEP = -2;

/**
 * `bicot sample`
 * @returns the exit status
 * @throws BicotError `value` for a folder without a run, `checkpoint` for one without such weights; UsageError
 */
export async function sampleCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments('sample', args, {
    ...WEIGHTS_OPTIONS,
    n: { type: 'string', default: '1' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [run, prompt, ...more] = positionals;
  if (run === undefined || prompt === undefined || more.length > 0) {
    throw new UsageError('bicot sample: what? For example `npx bicot sample runs/1 "a red car"`.');
  }
  const count = numberOf('n', values.n, 1);
  const seed = numberOf('seed', values.seed, 0);
  assertPngPath('--out', values.out);
  const output = progressOutput(process.stdout, { json: values.json === true });
  const { definition } = await savedConfig(run, values['allow-changes'] === true);
  const started = await startRun(definition);
  try {
    const step = await loadWeightsOf('sample', run, started.policy.variables, values);
    const { samples } = await started.rollout({
      prompts: [started.promptOf(prompt)],
      promptIds: [0],
      ...{ groupSize: count, step: SAMPLE_STEP, seed, signal: undefined, onProgress: undefined },
    });
    const scores = await scoresOf(started.reward, samples);
    const picture = await savePictureGrid(
      values.out ?? join(run, 'samples', fileName(prompt, step, seed)),
      samples.map((sample) => ({ sample, caption: sample.plan === undefined ? [] : [sample.plan] })),
    );
    samples.forEach(({ plan }, i) => {
      output.print(
        `${i + 1}. ${scores[i] === null ? '' : `(${scores[i]?.toFixed(4)}) `}${plan === undefined ? 'no plan' : printable(plan)}`,
      );
    });
    output.print(picture ?? 'This run draws no pictures that could be saved.');
    output.emit({
      ...{ run, step, prompt, picture },
      samples: samples.map(({ plan }, i) => ({ plan, score: scores[i] })),
    });
  } finally {
    started.policy.dispose?.();
  }
  return 0;
}

function numberOf(name: string, text: string, least: number): number {
  if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
  throw new UsageError(`bicot sample: --${name} is ${text}; expected a whole number, ${least} or more.`);
}

/** Totals; null where there is none. A reward that wants more than a prompt in words is no obstacle. */
async function scoresOf(
  reward: Parameters<typeof evaluateReward>[0],
  samples: readonly Sample[],
): Promise<(number | null)[]> {
  try {
    const { total } = await evaluateReward(reward, samples);
    return Array.from(total, (value) => (Number.isNaN(value) ? null : value));
  } catch {
    return samples.map(() => null);
  }
}

/** A model may write anything, and a terminal would obey it. */
const printable = (plan: string): string => plan.replace(/\p{Cc}+/gu, ' ');

/** Of the prompt's letters, so that it can be found again. */
function fileName(prompt: string, step: number, seed: number): string {
  const words = prompt
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40);
  return `${words || 'prompt'}-step-${step}-seed-${seed}.png`;
}
