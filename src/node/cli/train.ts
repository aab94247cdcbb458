import { loadConfig } from './config/load.js';
import { FLEET_HELP, FLEET_OPTIONS, onFleet } from './fleet.js';
import { progressOutput } from './runs/progress.js';
import { trainRun } from './runs/train-run.js';
import { onlyName, parseArguments } from './usage.js';

const HELP = `usage: bicot train CONFIG [options]

Trains as a configuration says, in JSON or TypeScript (docs/cli.md), into a folder of its own: metrics, pictures, checkpoints,
files for TensorBoard, report.html. Ctrl-C saves and says how to go on.

  --out DIR        the run's folder; default: what CONFIG says, or runs/ and its name
  --set FIELD=VALUE  another value for a field, e.g. --set groupSize=16 --set learningRate.peak=1e-5; may be repeated
  --steps N        the same as --set steps=N
  --json           one JSON object a line, for programs
  --help           this text

On a fleet of workers (\`npx bicot worker\` on each machine, docs/distributed.md):

${FLEET_HELP}
  --tasks LIST     what workers do of sample,score,gradients,reward; default: all

Exit status: 0 all steps are made, 1 an error, 2 not understood, 130 stopped and saved.`;

/**
 * `bicot train`
 * @returns the exit status
 * @throws BicotError as `train` does, `value` for a configuration that makes no sense; UsageError
 */
export async function trainCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments('train', args, {
    out: { type: 'string' },
    set: { type: 'string', multiple: true },
    steps: { type: 'string' },
    json: { type: 'boolean' },
    ...FLEET_OPTIONS,
    tasks: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const file = onlyName('train', positionals, {
    question: 'by which configuration?',
    example: 'run.config.ts',
  });
  const overrides = [
    ...(values.set ?? []),
    ...(values.steps === undefined ? [] : [`steps=${values.steps}`]),
    ...(values.out === undefined ? [] : [`out=${JSON.stringify(values.out)}`]),
  ];
  const config = await loadConfig(file, overrides);
  const output = progressOutput(process.stdout, { json: values.json === true });
  return trainRun({ ...{ config, resume: 'never', output }, ...(await onFleet(config, values, output)) });
}
