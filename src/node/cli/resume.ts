import { FLEET_HELP, FLEET_OPTIONS, onFleet } from './fleet.js';
import { progressOutput } from './runs/progress.js';
import { savedConfig } from './runs/saved.js';
import { trainRun } from './runs/train-run.js';
import { onlyName, parseArguments } from './usage.js';

const HELP = `usage: bicot resume RUN [options]

Goes on with a run of \`bicot train\` from its newest checkpoint, as if it had never stopped. RUN is its folder.

  --allow-changes  go on although the configuration, prompts or first weights are other ones now
  --json           one JSON object a line, for programs
  --help           this text

On a fleet of workers, those of \`bicot train\`:

${FLEET_HELP}
  --tasks LIST     what workers do of sample,score,gradients,reward; default: all

Exit status: 0 all steps are made, 1 an error, 2 not understood, 130 stopped and saved.`;

/**
 * `bicot resume`
 * @returns the exit status
 * @throws BicotError as `train` does, `value` for a folder without a run; UsageError
 */
export async function resumeCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments('resume', args, {
    'allow-changes': { type: 'boolean' },
    json: { type: 'boolean' },
    ...FLEET_OPTIONS,
    tasks: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const run = onlyName('resume', positionals, { question: 'which run?', example: 'runs/1' });
  const allowChanges = values['allow-changes'] === true;
  const config = await savedConfig(run, allowChanges);
  const output = progressOutput(process.stdout, { json: values.json === true });
  return trainRun({
    config,
    // A run that was stopped before its first checkpoint begins anew.
    resume: 'auto',
    ...{ allowChanges, output, ...(await onFleet(config, values, output)) },
  });
}
