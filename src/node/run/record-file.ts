import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { writeFileAtomic } from '../files.js';
import { appendWhole } from './append.js';
import { removeLeftovers } from './leftovers.js';
import { codeOf, patiently } from './patience.js';

/** A line of a record file: an object that says of which step it is. */
export type StepRecord = Readonly<Record<string, unknown>> & { readonly step: number };

/** What was found in a file when its end was cut away. */
export interface Cut {
  /** Records that stay. */
  readonly kept: readonly unknown[];
  /** Records that are gone, as their steps are made again. */
  readonly dropped: readonly StepRecord[];
}

/** Records of steps, one line of JSON each (JSON Lines). */
export interface RecordFile {
  /**
   * Adds the records of a step, maybe none. Whenever the step does not come after the last one, as in a run that goes on from
   * a checkpoint, it first drops what the file says of this step and later ones. That is done atomically: a crash leaves
   * the old file or the new one.
   * @param cut called after that, if it was done
   * @throws BicotError `file`
   */
  add(step: number, records: readonly object[] | ((cut?: Cut) => Promise<readonly object[]>)): Promise<void>;
}

/** How a record file is written. */
export interface RecordFileSettings {
  readonly retries: number;
  /** Which records are this logger's own, where several share a file. Default: all. */
  readonly own?: (record: StepRecord) => boolean;
}

/** Opens nothing yet: the file is made when there is something to write. */
export function recordFile(path: string, { retries, own = () => true }: RecordFileSettings): RecordFile {
  let last: number | undefined;
  return {
    async add(step, records) {
      const again = last === undefined || step <= last;
      const cut = again ? await dropFrom(path, step, { retries, own }) : undefined;
      const lines = typeof records === 'function' ? await records(cut) : records;
      if (lines.length > 0) {
        const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
        await appendWhole(path, Buffer.from(text), retries);
      }
      last = step;
    },
  };
}

/** Drops own records of this and later steps, and half a line at the end. */
async function dropFrom(
  path: string,
  step: number,
  { retries, own }: Required<RecordFileSettings>,
): Promise<Cut> {
  await removeLeftovers(dirname(path), (name) => name === basename(path));
  const bytes = await patiently(path, retries, () => readIfThere(path));
  const lines = linesOf(bytes);
  const kept: unknown[] = [];
  const dropped: StepRecord[] = [];
  const whole: Uint8Array[] = [];
  lines.forEach((line, i) => {
    const record = parse(line);
    if (isStepRecord(record) && record.step >= step && own(record)) {
      dropped.push(record);
    } else if (record !== undefined || i < lines.length - 1) {
      if (record !== undefined) kept.push(record);
      whole.push(line, NEW_LINE);
    }
  });
  const text = Buffer.concat(whole);
  if (!text.equals(bytes)) await patiently(path, retries, () => writeFileAtomic(path, text));
  return { kept, dropped };
}

const NEW_LINE = Uint8Array.of(10);

async function readIfThere(path: string): Promise<Buffer> {
  try {
    const found = await stat(path);
    // A pipe or a device has no past, and reading it may never end.
    return found.isFile() || found.isDirectory() ? await readFile(path) : Buffer.alloc(0);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** Without the ends of lines. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(10, start);
    const end = found < 0 ? bytes.length : found;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}

const isStepRecord = (record: unknown): record is StepRecord =>
  typeof record === 'object' && record !== null && 'step' in record && typeof record.step === 'number';
