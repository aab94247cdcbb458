import { join, resolve } from 'node:path';
import { BicotError } from '../../errors.js';
import { compareEvaluations } from '../../evaluation/compare.js';
import { formatComparison, formatSummary } from '../../evaluation/format.js';
import { summarize } from '../../evaluation/summarize.js';
import { type Evaluation, evaluate } from '../../train/evaluate.js';
import { writeFileAtomic } from '../files.js';
import { type StartedRun, startRun } from './runs/parts.js';
import { assertPngPath, savePictureGrid } from './runs/picture-grid.js';
import { type ProgressOutput, progressOutput } from './runs/progress.js';
import { savedConfig } from './runs/saved.js';
import { loadWeightsOf, WEIGHTS_HELP, WEIGHTS_OPTIONS } from './runs/weights.js';
import { onlyName, parseArguments, UsageError } from './usage.js';

const HELP = `usage: bicot eval RUN [options]

Draws a run's evaluation prompts and asks its rewards and monitors: means with 95 % intervals, by type of prompt.

${WEIGHTS_HELP}
  --against X      compare with another checkpoint of the run, or with another run's folder, in pairs; or with \`base\`, the
                   weights that the run began with
  --samples N      pictures of each prompt; default: what the configuration says, or 4
  --prompts N      the first N prompts only
  --seed N         default 0
  --json FILE      write the numbers
  --out FILE       the first picture of each prompt, as PNG, beside the other's if there is one; default: evaluations/ in the
                   run's folder
  --help           this text

Exit status: 0 done, 1 an error, 2 not understood.`;

/**
 * `bicot eval`
 * @returns the exit status
 * @throws BicotError `value` for a folder without a run, `checkpoint` for one without such weights; UsageError
 */
export async function evalCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments('eval', args, {
    ...WEIGHTS_OPTIONS,
    against: { type: 'string' },
    samples: { type: 'string' },
    prompts: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'string' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const run = onlyName('eval', positionals, { question: 'which run?', example: 'runs/1' });
  assertPngPath('--out', values.out);
  const output = progressOutput(process.stdout);
  const { definition } = await savedConfig(run, values['allow-changes'] === true);
  const started = await startRun(definition);
  const numbers = {
    samples: countOf('samples', values.samples),
    prompts: countOf('prompts', values.prompts),
    seed: countOf('seed', values.seed),
  };
  const its = { run, started, numbers, output };
  try {
    // `base` before any other weights are put in; of others it is seen first that all are there.
    if (values.against !== 'base') await loadWeightsOf('eval', run, started.policy.variables, values);
    const other = await otherOf(values, its);
    const step = await loadWeightsOf('eval', run, started.policy.variables, values);
    const evaluation = await evaluated(its);
    output.print(`${run}, step ${step}, ${started.backend}\n`);
    const options = started.typeOf ? { by: started.typeOf } : {};
    const summary = summarize(evaluation, options);
    output.print(formatSummary(summary));
    const comparison = other && compareEvaluations(other, evaluation, options);
    if (comparison) output.print(`\nagainst ${values.against}:\n${formatComparison(comparison)}`);
    const path = values.out ?? join(run, 'evaluations', `step-${step}-seed-${evaluation.seed}.png`);
    const picture = await savePictures(path, other ? [other, evaluation] : [evaluation], started);
    if (picture) output.print(`\n${picture}`);
    if (values.json !== undefined) {
      const content = { run: resolve(run), step, summary, ...(comparison && { comparison }), picture };
      await writeFileAtomic(values.json, `${JSON.stringify(content, null, 2)}\n`);
    }
  } finally {
    output.clear();
    started.policy.dispose?.();
  }
  return 0;
}

interface Numbers {
  readonly samples?: number;
  readonly prompts?: number;
  readonly seed?: number;
}

function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(`bicot eval: --${name} is ${text}; expected a whole number.`);
}

/** What is measured, and how. */
interface Its {
  readonly run: string;
  readonly started: StartedRun;
  readonly numbers: Numbers;
  readonly output: ProgressOutput;
}

function evaluated({ started, numbers, output }: Its): Promise<Evaluation> {
  const { rollout, reward, prompts, evaluation } = started;
  const all = evaluation?.prompts ?? prompts;
  return evaluate({
    rollout,
    reward: evaluation?.reward ?? reward,
    prompts: all.slice(0, numbers.prompts ?? all.length),
    samplesPerPrompt: numbers.samples ?? evaluation?.samplesPerPrompt ?? 4,
    seed: numbers.seed ?? 0,
    onProgress: ({ prompts: done, total }) => output.update(`${done} of ${total} prompts …`),
  });
}

/** The other side of a comparison; it uses the same policy object, whose weights are replaced. */
async function otherOf(
  { against, ema }: { readonly against?: string; readonly ema?: boolean },
  its: Its,
): Promise<Evaluation | undefined> {
  if (against === undefined) return undefined;
  if (against === 'base') return evaluated(its);
  const { run, started } = its;
  const ofRun = /^(\d+|last|best)$/.test(against);
  const folder = ofRun ? run : against;
  const checkpoint = ofRun ? against : 'last';
  try {
    await loadWeightsOf('eval', folder, started.policy.variables, { checkpoint, ema });
  } catch (cause) {
    throw new BicotError(
      'value',
      `--against ${against}: ${(cause as Error).message} Name base, a checkpoint of ${run}, or the folder of a run of the same model (${join('runs', '2')}).`,
      { cause },
    );
  }
  return evaluated(its);
}

/** More would be no picture that anybody looks at. */
const MOST_PROMPTS = 32;

/** The first picture of each prompt, those of one prompt side by side. */
function savePictures(
  path: string,
  sides: readonly Evaluation[],
  { promptText }: StartedRun,
): Promise<string | undefined> {
  const firsts = sides.map(({ samples }) =>
    samples.filter(({ promptIndex }, i) => promptIndex !== samples[i - 1]?.promptIndex),
  );
  const cells = (firsts[0] ?? []).slice(0, MOST_PROMPTS).flatMap((_, i) =>
    firsts.map((side) => {
      const { sample, total } = side[i] as (typeof side)[number];
      return {
        sample,
        caption: [promptText(sample.prompt), Number.isNaN(total) ? 'no score' : total.toFixed(3)],
      };
    }),
  );
  return savePictureGrid(path, cells, sides.length * Math.ceil(Math.sqrt(cells.length) / sides.length));
}
