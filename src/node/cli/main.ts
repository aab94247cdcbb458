import { isBicotError } from '../../errors.js';
import { UsageError } from './usage.js';
import { packageVersion } from './version.js';

/** What a command does with the arguments after its name. @returns the exit status */
export type RunCommand = (args: readonly string[]) => Promise<number>;

/** The commands; each is loaded when it is asked for, as most need neither TensorFlow.js nor each other. */
const COMMANDS: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<RunCommand> }>
> = {
  demo: {
    summary: 'trains a small model that comes with bicot, and shows before and after',
    load: async () => (await import('./demo.js')).demoCommand,
  },
  train: {
    summary: 'trains as a configuration says',
    load: async () => (await import('./train.js')).trainCommand,
  },
  resume: {
    summary: 'goes on with a run that was stopped',
    load: async () => (await import('./resume.js')).resumeCommand,
  },
  eval: {
    summary: "measures a run's weights, with intervals, and compares them",
    load: async () => (await import('./eval.js')).evalCommand,
  },
  sample: {
    summary: "draws a prompt with a run's weights",
    load: async () => (await import('./sample.js')).sampleCommand,
  },
  doctor: {
    summary: 'examines a backend and says what is wrong and what to do',
    load: async () => (await import('./doctor.js')).doctorCommand,
  },
  'install-native': {
    summary: 'builds native TensorFlow for the backends node and node-gpu',
    load: async () => (await import('./install-native.js')).installNativeCommand,
  },
  report: {
    summary: 'writes what a run did, or several, into one HTML file',
    load: async () => (await import('./report.js')).reportCommand,
  },
  worker: {
    summary: 'works for trainings on other machines, over a queue',
    load: async () => (await import('./worker.js')).workerCommand,
  },
  watch: {
    summary: 'shows runs in the browser while they go on, or the workers of a queue',
    load: async () => (await import('./watch.js')).watchCommand,
  },
};

/**
 * The `bicot` command.
 * @param args without Node and the script
 * @returns the exit status: 1 if the command failed, 2 if it was not understood
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  try {
    if (name === undefined || name === '--help' || name === '-h') {
      console.log(help());
      return name === undefined ? 2 : 0;
    }
    if (name === '--version' || name === '-v') {
      console.log(packageVersion());
      return 0;
    }
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) {
      throw new UsageError(
        `There is no ${name.startsWith('-') ? 'option' : 'command'} '${name}'. The commands are ${Object.keys(COMMANDS).join(', ')}; \`npx bicot --help\` says more.`,
      );
    }
    return await (await command.load())(rest);
  } catch (error) {
    const misunderstood = error instanceof UsageError;
    console.error(misunderstood || isBicotError(error) ? error.message : error);
    return misunderstood ? 2 : 1;
  }
}

function help(): string {
  const names = Object.keys(COMMANDS);
  const width = Math.max(...names.map((name) => name.length));
  return [
    'usage: bicot COMMAND [options]',
    '',
    ...names.map((name) => `  ${name.padEnd(width)}  ${COMMANDS[name]?.summary}`),
    '',
    '  bicot COMMAND --help   its options',
    '  bicot --version        the version of bicot',
    '',
    'Exit status: 0 done, 1 an error, 2 not understood, 130 stopped and saved.',
  ].join('\n');
}
