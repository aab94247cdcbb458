import { progressOutput } from './runs/progress.js';
import { savedConfig } from './runs/saved.js';
import { trainRun } from './runs/train-run.js';
import { onlyName, parseArguments } from './usage.js';

const HELP = `usage: bicot resume RUN [options]

Goes on with a run of \`bicot train\` from its newest checkpoint, as if it had never stopped. RUN is its folder.

  --allow-changes  go on although the configuration, prompts or first weights are other ones now
  --json           one JSON object a line, for programs
  --help           this text

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
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const run = onlyName('resume', positionals, { question: 'which run?', example: 'runs/1' });
  const allowChanges = values['allow-changes'] === true;
  return trainRun({
    config: await savedConfig(run, allowChanges),
    // A run that was stopped before its first checkpoint begins anew.
    resume: 'auto',
    allowChanges,
    output: progressOutput(process.stdout, { json: values.json === true }),
  });
}
