import type { EditableFolder } from '../../models/checkpoints/folder.js';
import { fileOf, readManifest, stepOfFile, stepsOf } from './manifest.js';
import type { CheckpointSettings } from './options.js';

/** The steps to keep. @param values by step, NaN for none; the larger, the better */
export function stepsToKeep(
  values: ReadonlyMap<number, number>,
  { keepLast, keepBest }: Pick<CheckpointSettings, 'keepLast' | 'keepBest'>,
): Set<number> {
  const newest = [...values.keys()].sort((a, b) => b - a).slice(0, keepLast);
  const best = [...values]
    .filter(([, value]) => !Number.isNaN(value))
    // Of equals, the older is kept: it is not replaced by what is no better.
    .sort(([a, x], [b, y]) => y - x || a - b)
    .slice(0, keepBest?.count ?? 0)
    .map(([step]) => step);
  return new Set([...newest, ...best]);
}

/**
 * Removes the checkpoints that need not be kept, manifests first, so that what is half removed is no checkpoint any more.
 * Files that are not of checkpoints are left alone.
 */
export async function tidy(
  folder: EditableFolder,
  settings: Pick<CheckpointSettings, 'keepLast' | 'keepBest'>,
): Promise<void> {
  const files = await folder.list();
  const values = new Map<number, number>();
  for (const step of stepsOf(files)) {
    const value = settings.keepBest
      ? await readManifest(folder, step).then(
          (one) => one.value,
          () => undefined,
        )
      : undefined;
    values.set(step, value ?? Number.NaN);
  }
  const keep = stepsToKeep(values, settings);
  for (const step of values.keys()) {
    if (!keep.has(step)) await folder.remove(fileOf(step, 'json'));
  }
  await removeUnfinished(folder, keep);
}

/** Removes what a crash left: files of checkpoints without a manifest, and temporary ones. */
export async function removeUnfinished(
  folder: EditableFolder,
  finished?: ReadonlySet<number>,
): Promise<void> {
  const files = await folder.list();
  const keep = finished ?? new Set(stepsOf(files));
  for (const file of files) {
    const step = stepOfFile(file);
    if (step === undefined) continue;
    if (file.endsWith('.tmp') || !keep.has(step)) await folder.remove(file);
  }
}
