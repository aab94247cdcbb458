import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StepMetrics } from 'bicot';
import { tensorBoardLogger } from 'bicot/node';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tensorBoardByBicot } from '../../../test/reference/tensorboard-by-bicot.js';
import { madeStep } from '../../../test/support/made-steps.js';
import { crc32c, maskedCrc32c } from './crc32c.js';
import { histogramOf } from './histogram.js';
import { uintField } from './protobuf.js';
import { stepScalars } from './scalars.js';

const fixture = fileURLToPath(new URL('../../../test/fixtures/tensorboard', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-tensorboard-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** By name, without the number that says how many files the process had made before. */
const eventFiles = (of: string): Record<string, Buffer> =>
  Object.fromEntries(
    readdirSync(of)
      .filter((name) => name.startsWith('events.'))
      .sort()
      .map((name) => [name.replace(/\.\d+$/, ''), readFileSync(join(of, name))]),
  );

/** What TensorBoard 2.21.0 read (test/reference/tensorboard_read.py). */
const read: {
  fileVersion: number;
  scalars: Record<string, [number, number][]>;
  histograms: Record<
    string,
    { step: number; num: number; sum: number; bucket: number[]; bucket_limit: number[] }[]
  >;
  images: Record<string, { step: number; width: number; height: number }[]>;
  plugins: Record<string, number>;
  config: string[][];
} = JSON.parse(readFileSync(join(fixture, 'read.json'), 'utf8'));

describe('event files', () => {
  it('have the bytes that TensorBoard has read', async () => {
    await tensorBoardByBicot(folder);
    const written = eventFiles(folder);
    expect(Object.keys(written)).toEqual([
      'events.out.tfevents.1767225600.host.4711',
      'events.out.tfevents.1767225602.host.12',
    ]);
    for (const [name, bytes] of Object.entries(eventFiles(fixture))) {
      expect(written[name]?.equals(bytes), name).toBe(true);
    }
    expect(readFileSync(join(folder, 'metrics.jsonl'))).toEqual(readFileSync(join(fixture, 'metrics.jsonl')));
  });

  it('were read as every number of every step, each step once, though the run was killed and went on', () => {
    const lines = readFileSync(join(fixture, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const said: Record<string, [number, number][]> = {};
    for (const line of lines) {
      const metrics = JSON.parse(line, (_, value) => value ?? Number.NaN) as StepMetrics;
      for (const [tag, value] of Object.entries(stepScalars(metrics))) {
        said[tag] = [...(said[tag] ?? []), [metrics.step, Math.fround(value)]];
      }
    }
    expect(Object.keys(said).length).toBe(70);
    expect(lines.length).toBe(8);
    const zeros = (of: typeof said): typeof said => JSON.parse(JSON.stringify(of)); // −0 is 0
    expect(zeros(read.scalars)).toEqual(zeros(said));
  });

  it('were read as histograms of scores, totals and advantages, without what was not scored', () => {
    expect(Object.keys(read.histograms).sort()).toEqual([
      ...['histograms/advantages', 'histograms/scores/detector', 'histograms/scores/judge'],
      ...['histograms/scores/taste', 'histograms/total'],
    ]);
    expect(read.histograms['histograms/total']).toMatchObject(
      [0, 2, 4, 6].map((step) => ({ step, num: 4, sum: 3.5 + 2.25 * step })),
    );
    for (const { bucket, bucket_limit, num } of Object.values(read.histograms).flat()) {
      expect(bucket.length).toBe(bucket_limit.length);
      expect(bucket.reduce((a, b) => a + b, 0)).toBe(num);
    }
  });

  it('were read as pictures and text', () => {
    const size = { width: 298, height: 194 };
    expect(read.images).toMatchObject({
      'pictures/best_group': [0, 3, 6].map((step) => ({ step, ...size })),
    });
    const [config] = read.config.at(-1) as [string];
    expect(JSON.parse(config)).toEqual({ name: 'Grüße', steps: 8, sizes: [1, 2] });
    expect(read.plugins).toEqual({ scalars: 70, histograms: 5, images: 1, text: 1 });
    expect(read.fileVersion).toBe(2);
  });

  it('are named so that what goes on is read later, also within a second', async () => {
    for (const step of [0, 1, 2]) await tensorBoardLogger<string>(folder, { images: false })(madeStep(step));
    const times = Object.keys(eventFiles(folder)).map((name) => Number(name.split('.')[3]));
    expect(times).toHaveLength(3);
    expect(new Set(times).size).toBe(3);
    expect(times).toEqual([...times].sort());
  });

  it('have nothing but the start of a run for steps that are not due', async () => {
    const log = tensorBoardLogger<string>(folder, { every: 5, histograms: false, images: false });
    await log(madeStep(1));
    const [before] = Object.values(eventFiles(folder)) as [Buffer];
    await log(madeStep(2));
    expect(Object.values(eventFiles(folder))).toEqual([before]);
    await log(madeStep(5));
    expect(Object.values(eventFiles(folder))[0]?.length).toBeGreaterThan(before.length + 1000);
  });

  it('are of options that make sense', () => {
    expect(() => tensorBoardLogger(folder, { every: 0 })).toThrow(/every is 0/);
    expect(() => tensorBoardLogger(folder, { images: 0.5 })).toThrow(/images is 0.5/);
    expect(() => tensorBoardLogger(folder, { config: { big: 1n } })).toThrow(/config can't be written/);
    expect(() => tensorBoardLogger(folder, { image: 1 } as object)).toThrow(/no option 'image'/);
  });
});

describe('stepScalars', () => {
  it('leaves out what is NaN, and has a name for a reward that is called as the total is', () => {
    const { metrics } = madeStep(0);
    const member = { ...metrics.reward.byMember.taste, mean: 7 } as StepMetrics['reward']['byMember'][string];
    const scalars = stepScalars({ ...metrics, reward: { ...metrics.reward, byMember: { mean: member } } });
    expect(scalars['reward/mean']).toBe(1.5);
    expect(scalars['reward/mean/mean']).toBe(7);
    expect(stepScalars(metrics)).not.toHaveProperty(['reward_members/detector/correlation']);
  });
});

describe('crc32c', () => {
  // RFC 3720, B.4.
  it.each([
    ['zeros', new Uint8Array(32), 0x8a9136aa],
    ['ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['ascending', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['descending', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['the check of the catalogues', new TextEncoder().encode('123456789'), 0xe3069283],
  ])('of %s', (_, bytes, sum) => {
    expect(crc32c(bytes)).toBe(sum);
    // The mask can be taken off again (crc32c.h, Unmask).
    const rotated = (maskedCrc32c(bytes) - 0xa282ead8) >>> 0;
    expect(((rotated >>> 17) | (rotated << 15)) >>> 0).toBe(sum);
  });
});

describe('uintField', () => {
  it('is a varint, beyond 32 bits too', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const [key, ...bytes] = uintField(2, value);
        expect(key).toBe(16);
        const back = bytes.reduceRight((sum, byte) => sum * 128n + BigInt(byte & 127), 0n);
        expect(back).toBe(BigInt(value));
        expect(bytes.map((byte) => byte >> 7)).toEqual(bytes.map((_, i) => Number(i < bytes.length - 1)));
      }),
    );
  });
});

describe('histogramOf', () => {
  it('counts every finite number once, between the smallest and the largest', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e9, max: 1e9 }), { minLength: 1 }), (values) => {
        const finite = values.filter(Number.isFinite);
        const histogram = histogramOf(values);
        if (finite.length === 0) return expect(histogram).toBeUndefined();
        const { counts = [], limits = [], min, max, count } = histogram ?? {};
        expect([min, max, count]).toEqual([Math.min(...finite), Math.max(...finite), finite.length]);
        expect(limits.at(-1)).toBe(max);
        limits.forEach((limit, i) => {
          const below = limits[i - 1] ?? Number.NEGATIVE_INFINITY;
          expect(counts[i]).toBe(finite.filter((value) => value > below && value <= limit).length);
        });
      }),
    );
  });
});
