import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withoutTiming } from 'bicot';

/** The lines of a run's metrics.jsonl without what differs from run to run: equal for runs that are the same. */
export function runRecords(folder: string): string[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.stringify(withoutTiming(JSON.parse(line))));
}
