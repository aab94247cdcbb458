import { BicotError } from '../../errors.js';
import type { EditableFolder } from '../../models/checkpoints/folder.js';
import {
  assertFlag,
  assertKnownOptions,
  assertNumber,
  POSITIVE_INTEGER,
  WHOLE_NUMBER,
} from '../../options.js';
import type { StepMetrics } from '../metrics.js';

/** Which checkpoints are kept besides the newest. */
export interface KeepBest {
  /** How many. */
  readonly count: number;
  /** What a step is worth, the more the better; NaN for nothing known. E.g. the mean of a held-out judge. */
  readonly by: (metrics: StepMetrics) => number;
}

/** Where, when and which checkpoints are kept. */
export interface CheckpointOptions {
  /** A path, in Node; or a folder (`openFolder`, `indexedDbFolder` of `bicot/browser`, or your own). */
  readonly folder: string | EditableFolder;
  /** Steps between two checkpoints. The last step is always saved, and the last that was made when training ends early. Default 50. */
  readonly every?: number;
  /** The newest so many are kept: more than one, as the newest may be damaged. Default 2. */
  readonly keepLast?: number;
  /** Kept besides: the best so many by a number of the step that each was saved after. Default: none. */
  readonly keepBest?: KeepBest;
  /** Go on with other prompts, another seed, other weights to begin with … than the run was begun with. Default false. */
  readonly allowChanges?: boolean;
  /** How often a checkpoint that could not be written is tried again, with growing pauses. Default 3. */
  readonly retries?: number;
  /** Told in words what went wrong and did not end the run. Default: `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** With defaults filled in; a path is opened later. */
export interface CheckpointSettings extends Required<Omit<CheckpointOptions, 'keepBest'>> {
  readonly keepBest?: CheckpointOptions['keepBest'];
}

/**
 * Whether a run goes on from its newest checkpoint: `never` begins anew and refuses a folder with checkpoints; `auto` goes
 * on where there is one; `must` refuses to begin anew.
 */
export type Resume = 'never' | 'auto' | 'must';

/**
 * Fills in defaults and refuses what makes no sense.
 * @throws BicotError `value`
 */
export function checkpointSettings(options: CheckpointOptions): CheckpointSettings {
  const what = 'train: checkpoints';
  const known = ['folder', 'every', 'keepLast', 'keepBest', 'allowChanges', 'retries', 'onWarning'] as const;
  assertKnownOptions(what, options, known satisfies readonly (keyof CheckpointOptions)[]);
  const { every = 50, keepLast = 2, keepBest, allowChanges = false, retries = 3 } = options;
  assertNumber(what, 'every', every, POSITIVE_INTEGER);
  assertNumber(what, 'keepLast', keepLast, POSITIVE_INTEGER);
  assertNumber(what, 'retries', retries, WHOLE_NUMBER);
  assertFlag(what, 'allowChanges', allowChanges);
  if (keepBest) {
    assertKnownOptions(`${what}: keepBest`, keepBest, ['count', 'by']);
    assertNumber(what, 'keepBest.count', keepBest.count, POSITIVE_INTEGER);
  }
  const { folder } = options;
  if (typeof folder === 'string' ? /^https?:\/\//i.test(folder) : !isEditable(folder)) {
    throw new BicotError(
      'value',
      `${what}: folder is ${typeof folder === 'string' ? folder : 'an object'} that can't be written to; pass a path, or a folder with list, size, read, write and remove.`,
    );
  }
  const onWarning = options.onWarning ?? ((message: string) => console.warn(message));
  return { folder, every, keepLast, keepBest, allowChanges, retries, onWarning };
}

const isEditable = (folder: object): folder is EditableFolder => 'write' in folder && 'remove' in folder;
