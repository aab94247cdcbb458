import type { Host } from './hosts/host.js';
import { type OpenVariant, variantKey } from './hosts/protocol.js';

/** A variant in the process that runs it. */
export interface PlacedVariant extends OpenVariant {
  readonly host: Host;
  readonly session: number;
}

/** How long one variant took. */
export interface Timing {
  readonly name: string;
  /** Milliseconds of each round. */
  readonly rounds: readonly number[];
  /** Floating-point operations of one run, where they are counted. */
  readonly flops?: number;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Times the variants in turn, round after round, so that whatever else the machine does falls on all of them. There
 * is no warm-up: each has run once before, to check that they agree.
 */
export async function measure(variants: readonly PlacedVariant[], rounds: number): Promise<Timing[]> {
  const times = variants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, variant] of variants.entries()) {
      const { host, session, repeats = 1 } = variant;
      const key = variantKey(variant);
      const { ms } = await host.call({ call: 'time', session, variant: key, repeats });
      times[i]?.push(ms);
    }
  }
  return variants.map(({ name, host, flops }, i) => ({
    name: host.suffix === '' ? name : `${name} (${host.suffix})`,
    rounds: (times[i] as number[]).map((ms) => Number(ms.toPrecision(5))),
    ...(flops === undefined ? {} : { flops }),
  }));
}
