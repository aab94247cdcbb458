import { BicotError } from '../../errors.js';
import { findProgram, runProgram } from './run-program.js';
import type { Settings } from './settings.js';

/** The programs that the installation runs, by their paths. */
export interface Tools {
  readonly npm: string;
  readonly python: string;
}

/**
 * Looks for npm, Python with pip, a C++ compiler and make, and says which packages bring one that is missing.
 * @throws BicotError `unsupported`, about the first one that is missing
 */
export async function checkTools({ python, environment, signal }: Settings): Promise<Tools> {
  const need = (program: string, what: string, remedy: string): string => {
    const path = findProgram(program, environment);
    if (path === undefined) throw missing(`${what} ('${program}') was not found`, remedy);
    return path;
  };
  const npm = need(
    'npm',
    'npm',
    'It comes with Node.js: install that from nodejs.org, or `apt install npm`.',
  );
  const pythonPath = need(
    python,
    'Python',
    'Run `apt install python3 python3-pip`, or pass --python PROGRAM.',
  );
  const runsPython = (...args: readonly string[]) =>
    runProgram(pythonPath, args, { environment, signal }).then(({ succeeded }) => succeeded);
  if (!(await runsPython('-c', 'import sys; sys.exit(sys.version_info < (3, 8))'))) {
    throw missing(
      `${pythonPath} does not start, or is older than Python 3.8`,
      'Run `apt install python3 python3-pip`, or pass --python PROGRAM.',
    );
  }
  if (!(await runsPython('-m', 'pip', '--version'))) {
    throw missing(
      `${pythonPath} has no pip`,
      `Run \`apt install python3-pip\` or \`${python} -m ensurepip\`, or pass another --python PROGRAM.`,
    );
  }
  // CXX may have options, or a cache before the compiler.
  const [compiler = 'g++'] = (environment.CXX || 'g++').trim().split(/\s+/);
  need(compiler, 'a C++ compiler', 'Run `apt install build-essential`, or set CXX.');
  need('make', 'make', 'Run `apt install build-essential`.');
  return { npm, python: pythonPath };
}

function missing(what: string, remedy: string): BicotError {
  return new BicotError('unsupported', `install-native: ${what}. ${remedy}`);
}
