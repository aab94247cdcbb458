import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BicotError } from '../../errors.js';
import type { Tools } from './check-tools.js';
import { lastLines, runProgram } from './run-program.js';
import type { Settings } from './settings.js';

/** Only the C library in a wheel is used, so one for another Python will do where there is none for the one that runs. */
const OTHER_PYTHONS = ['3.13', '3.12', '3.11', '3.10', '3.9'] as const;

/**
 * Has pip download TensorFlow's wheel, with pip's own settings: index, proxy, certificates.
 * @param folder where to; made if missing
 * @returns the path of the wheel
 * @throws BicotError `backend` if pip finds none
 */
export async function downloadWheel(
  { distribution, version, environment, signal, report }: Settings,
  { python }: Tools,
  folder: string,
): Promise<string> {
  report(`Downloading the wheel of ${distribution} ${version}.`);
  let firstLog: string | undefined;
  for (const other of [undefined, ...OTHER_PYTHONS]) {
    const { succeeded, log } = await runProgram(
      python,
      [
        ...['-m', 'pip', 'download', '--disable-pip-version-check', '--no-cache-dir', '--no-deps'],
        ...['--only-binary=:all:', ...(other === undefined ? [] : ['--python-version', other])],
        ...['--dest', folder, `${distribution}==${version}`],
      ],
      { environment, signal },
    );
    firstLog ??= log;
    const names = succeeded && existsSync(folder) ? await readdir(folder) : [];
    const wheel = names.find((name) => name.endsWith('.whl'));
    if (wheel !== undefined) return join(folder, wheel);
  }
  const errors = (firstLog ?? '')
    .split('\n')
    .filter((line) => line.startsWith('ERROR'))
    .join('\n');
  throw new BicotError(
    'backend',
    `install-native: pip found no wheel of ${distribution} ${version} for this machine. Check the release (--tf), the network and pip's index (PIP_INDEX_URL), or pass --wheel FILE.\n${lastLines(errors || (firstLog ?? ''))}`,
  );
}
