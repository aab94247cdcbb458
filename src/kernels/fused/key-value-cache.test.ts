import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { expectNoLeak } from '../../../test/support/backends.js';
import {
  describeFused,
  expectRowsIndependent,
  normals,
  pickRows,
  seeds,
  take,
  withComposed,
} from '../../../test/support/kernel-properties.js';
import { type UniformStream, uniformStream } from '../../tensor/noise.js';
import type { CachePlan } from '../cache-plan.js';
import { causalAttention } from '../causal-attention.js';
import { keyValueCaches } from '../key-value-cache.js';
import { rotaryTables } from '../rotary.js';
import { DECODE_ATTENTION, FILL_CACHE } from './key-value-cache.js';

/** A decoding to be played on one kind of cache or another. */
interface Play {
  readonly plan: CachePlan;
  readonly blocks: number;
  /** Slots that are there in each step. */
  readonly steps: readonly Int32Array[];
  readonly seed: number;
  /** The name of each slot and context, by which its numbers are made: a sequence alone keeps its own. */
  readonly names?: { readonly slots: readonly number[]; readonly contexts: readonly number[] };
}

const KINDS = ['q', 'k', 'v'] as const;

/** Numbers of a context's or a slot's rows, `[count, H·D]`. */
const numbersOf = ({ seed, plan: { heads, size } }: Play, name: string, count: number): Float32Array =>
  normals(`${seed} ${name}`, count * heads * size);

/** `[C·S, H·D]`: each context's numbers, and rubbish where it is padded. */
function contextTensor(play: Play, block: number, kind: string): tf.Tensor2D {
  const { lengths, heads, size } = play.plan;
  const width = heads * size;
  const padded = Math.max(...lengths);
  const values = new Float32Array(lengths.length * padded * width).fill(1e3);
  lengths.forEach((length, c) => {
    const name = play.names?.contexts[c] ?? c;
    values.set(numbersOf(play, `context ${name} ${block} ${kind}`, length), c * padded * width);
  });
  return tf.tensor2d(values, [lengths.length * padded, width]);
}

/** `[n, H·D]` of a step. */
function stepTensor(play: Play, step: number, block: number, kind: string): tf.Tensor2D {
  const { heads, size } = play.plan;
  const rows = [...(play.steps[step] as Int32Array)].map((slot) => {
    const name = play.names?.slots[slot] ?? slot;
    return [...numbersOf(play, `slot ${name} ${step} ${block} ${kind}`, 1)];
  });
  return tf.tensor2d(rows, [rows.length, heads * size]);
}

/** What each block gives in each step. */
async function played(play: Play): Promise<Float32Array[]> {
  const { plan, blocks, steps } = play;
  const caches = keyValueCaches(plan, blocks);
  const results: Float32Array[] = [];
  tf.tidy(() => {
    caches.blocks.forEach((cache, b) => {
      cache.fill(contextTensor(play, b, 'k'), contextTensor(play, b, 'v'));
    });
  });
  for (const [t, slots] of steps.entries()) {
    const positions = slots.map((slot) => (plan.lengths[plan.sources[slot] as number] as number) + t);
    caches.step({ slots, positions });
    for (const [b, cache] of caches.blocks.entries()) {
      const mixed = tf.tidy(() => {
        const [q, k, v] = KINDS.map((kind) => stepTensor(play, t, b, kind)) as [
          tf.Tensor2D,
          tf.Tensor2D,
          tf.Tensor2D,
        ];
        return cache.attend(q, k, v);
      });
      results.push(await take(mixed));
    }
  }
  caches.dispose();
  caches.dispose();
  return results;
}

/** Slots that go on: each may leave at any step, and one stays. */
function leaving(slots: number, steps: number, stream: UniformStream): Int32Array[] {
  let present = Int32Array.from({ length: slots }, (_, slot) => slot);
  return Array.from({ length: steps }, () => {
    const stays = present[Math.floor(stream() * present.length)];
    present = present.filter((slot) => slot === stays || stream() > 0.1);
    return present;
  });
}

const plays = fc
  .record({
    heads: fc.integer({ min: 1, max: 3 }),
    size: fc.integer({ min: 1, max: 33 }).map((half) => 2 * half),
    lengths: fc
      .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 })
      .filter((all) => Math.max(...all) > 0),
    slots: fc.integer({ min: 1, max: 7 }),
    steps: fc.integer({ min: 1, max: 24 }),
    spare: fc.integer({ min: 0, max: 17 }),
    blocks: fc.integer({ min: 1, max: 2 }),
    seed: seeds,
  })
  .map(({ heads, size, lengths, slots, steps, spare, blocks, seed }): Play => {
    const stream = uniformStream('play', seed);
    const sources = Int32Array.from({ length: slots }, () => Math.floor(stream() * lengths.length));
    const ownLength = steps + spare;
    const plan = { heads, size, ownLength, lengths: Int32Array.from(lengths), sources, theta: 10_000 };
    return { plan, blocks, steps: leaving(slots, steps, stream), seed };
  });

/** Four sequences on two contexts; a sequence leaves in each of the last steps. */
const PLAY: Play = {
  plan: {
    ...{ heads: 2, size: 6, ownLength: 20, theta: 10_000 },
    ...{ lengths: Int32Array.of(5, 13), sources: Int32Array.of(1, 0, 1, 1) },
  },
  blocks: 2,
  steps: [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3], [1, 2, 3], [1, 3], [3]].map((slots) =>
    Int32Array.from(slots),
  ),
  seed: 1,
};

describeFused('keyValueCaches', [FILL_CACHE, DECODE_ATTENTION], (build) => {
  it('give what stock operations give, while sequences leave', () =>
    fc.assert(
      fc.asyncProperty(plays, async (play) => {
        const fused = await played(play);
        const composed = await withComposed(() => played(play));
        fused.forEach((values, i) => void expect(values).toBeAllclose(composed[i] as Float32Array, 1e-5));
      }),
      { numRuns: build === 'webgpu' ? 10 : 25 }, // there each shape compiles programs of its own
    ));

  it('give what attention of the whole sequence gives', async () => {
    const [width, length, prompt] = [12, 30, 7];
    const [q, k, v] = KINDS.map((kind) => normals(kind, length * width)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const rows = (values: Float32Array, from: number, to: number): tf.Tensor2D =>
      tf.tensor2d(values.slice(from * width, to * width), [to - from, width]);
    const tables = rotaryTables(
      Array.from({ length }, (_, t) => t),
      6,
    );
    const [all, keys, values] = [q, k, v].map((x) => rows(x, 0, length)) as [
      tf.Tensor2D,
      tf.Tensor2D,
      tf.Tensor2D,
    ];
    const whole = await take(causalAttention(all, keys, values, tables, 2));
    const [lengths, sources] = [Int32Array.of(prompt), Int32Array.of(0)];
    const caches = keyValueCaches(
      { heads: 2, size: 6, ownLength: length - prompt, lengths, sources, theta: 10_000 },
      1,
    );
    const [cache] = caches.blocks;
    cache?.fill(rows(k, 0, prompt), rows(v, 0, prompt));
    for (let t = prompt; t < length; t++) {
      caches.step({ slots: Int32Array.of(0), positions: Int32Array.of(t) });
      const mixed = cache?.attend(rows(q, t, t + 1), rows(k, t, t + 1), rows(v, t, t + 1)) as tf.Tensor;
      expect(await take(mixed)).toBeAllclose(whole.subarray(t * width, (t + 1) * width), 1e-5);
    }
    caches.dispose();
  });

  it('give a sequence the same bits alone, among others and with another room', async () => {
    const steps = 6;
    const { lengths, sources } = PLAY.plan;
    /** All steps of these sequences, which are in other slots than in PLAY. */
    const alone = async (names: readonly number[], ownLength: number): Promise<Float32Array> => {
      const contexts = [...new Set(names.map((name) => sources[name] as number))];
      const plan = {
        ...PLAY.plan,
        ownLength,
        lengths: Int32Array.from(contexts, (c) => lengths[c] as number),
        sources: Int32Array.from(names, (name) => contexts.indexOf(sources[name] as number)),
      };
      const all = Int32Array.from(names, (_, slot) => slot);
      const results = await played({
        ...{ plan, blocks: 1, seed: 1, names: { slots: names, contexts } },
        steps: new Array<Int32Array>(steps).fill(all),
      });
      // From [step][slot] to [slot][step].
      const numbers = results.flatMap((result) => [...result]);
      return take(tf.transpose(tf.tensor3d(numbers, [steps, names.length, 12]), [1, 0, 2]));
    };
    await expectRowsIndependent(4, (rows) => alone(rows, 20));
    expect(await alone([2, 0], 6)).toEqual(await alone([2, 0], 60));
  });

  it('are not touched by what a padded position or an unused room holds', async () => {
    // Memory that was used before, full of NaN, is what the caches are made of.
    tf.tidy(() => void tf.fill([200_000], Number.NaN));
    for (const values of await played(PLAY)) expect(values.every(Number.isFinite)).toBe(true);
  });

  it('keep what is not finite in its sequence', async () => {
    const plan = { ...PLAY.plan, lengths: Int32Array.of(1), sources: Int32Array.of(0, 0) };
    const caches = keyValueCaches(plan, 1);
    const [cache] = caches.blocks;
    cache?.fill(pickRows(normals('k', 12), 12, [0]), pickRows(normals('v', 12), 12, [0]));
    const bad = normals('bad', 24);
    bad[0] = Number.NaN;
    for (const [t, input] of [bad, normals('good', 24)].entries()) {
      caches.step({ slots: Int32Array.of(0, 1), positions: Int32Array.of(t + 1, t + 1) });
      const x = tf.tensor2d(input, [2, 12]);
      const got = await take(cache?.attend(x, x, x) as tf.Tensor);
      expect(got.subarray(0, 6).every(Number.isNaN)).toBe(true);
      expect(got.subarray(12).every(Number.isFinite)).toBe(true);
    }
    caches.dispose();
  });

  it('leave no tensors behind, filled or not', async () => {
    await expectNoLeak(async () => void (await played(PLAY)));
    await withComposed(() => expectNoLeak(async () => void (await played(PLAY))));
    await expectNoLeak(() => keyValueCaches(PLAY.plan, 3).dispose());
  });

  it.runIf(build === 'webgpu')('are refused where they are larger than what a shader reaches', async () => {
    const sources = new Int32Array(2 ** 20);
    await expectNoLeak(() => {
      const caches = keyValueCaches({ ...PLAY.plan, ownLength: 100, lengths: Int32Array.of(1), sources }, 1);
      const x = tf.zeros<tf.Rank.R2>([1, 12]);
      expect(() => caches.blocks[0]?.fill(x, x)).toThrow(/shaders reach at most/); // 5 GB each
      x.dispose();
      caches.dispose();
    });
  });
});
