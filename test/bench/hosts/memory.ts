import { readFileSync } from 'node:fs';

/** A line of what Linux says of this process. */
function status(name: string): number | undefined {
  try {
    const text = readFileSync('/proc/self/status', 'utf8');
    const [, kilobytes] = new RegExp(`${name}:\\s+(\\d+) kB`).exec(text) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  } catch {
    // Not Linux.
    return undefined;
  }
}

/** The most memory that this process has held. Linux counts what it held before it became this program into `maxRSS`, but not into VmHWM. */
export const peakMegabytes = (): number => status('VmHWM') ?? process.resourceUsage().maxRSS / 1024;

/** The memory that this process holds. */
export const currentMegabytes = (): number => status('VmRSS') ?? process.memoryUsage().rss / 2 ** 20;
