import type { CheckedSuite } from './results.js';

/** Reads what vitest prints, line by line. */
export interface VitestSummary {
  read(line: string): void;
  /** Nothing before its summary was read. */
  result(): CheckedSuite | undefined;
}

/** A reader of one run. @param name what the suite is called */
export function vitestSuite(name: string): VitestSummary {
  const faults: string[] = [];
  let counts: Pick<CheckedSuite, 'passed' | 'failed' | 'skipped'> | undefined;
  return {
    read(line) {
      const [, fault] = /^\s*FAIL\s+(.*)$/.exec(line) ?? [];
      if (fault && !faults.includes(fault)) faults.push(fault);
      if (!/^\s*Tests\s+\d/.test(line)) return;
      const count = (word: string): number => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
      counts = { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
    },
    result: () => counts && { name, ...counts, faults },
  };
}
