import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { frozenMatrix } from '../../../test/support/adapted-policy.js';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { normalValues, uniformStream } from '../../tensor/noise.js';
import { type AdaptedMatrix, mergedWeight, multiply } from '../backbone/matrix.js';
import { createAdapters, type LoraAdapters, type MatricesByPath } from './adapters.js';
import { mergeAdapters, mergedValues } from './merge.js';

const matrices = (): MatricesByPath =>
  new Map([
    ['a.up_proj', frozenMatrix('a', 5, 3)],
    ['a.down_proj', frozenMatrix('b', 3, 5)],
    ['b.up_proj', frozenMatrix('c', 400, 7)],
  ]);

/** Gives every B values, as training does. */
function train(adapters: LoraAdapters): void {
  for (const [path, { adapter }] of adapters.adapted) {
    const values = normalValues(uniformStream('trained', path), adapter.up.size);
    tf.tidy(() => adapter.up.assign(tf.tensor2d(values, adapter.up.shape)));
  }
}

/** x · W + scale · (x · A) · B in float64. */
async function exactMerged(adapters: LoraAdapters, path: string): Promise<number[]> {
  const { weight, adapter } = adapters.adapted.get(path) as AdaptedMatrix;
  const [inputs, outputs] = weight.shape;
  const [w, a, b] = await Promise.all([weight.data(), adapter.down.data(), adapter.up.data()]);
  const rank = adapter.down.shape[1];
  return Array.from({ length: inputs * outputs }, (_, at) => {
    const [i, o] = [Math.floor(at / outputs), at % outputs];
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += (a[i * rank + r] as number) * (b[r * outputs + o] as number);
    return (w[at] as number) + adapter.scale * sum;
  });
}

describeOnBackends('createAdapters', () => {
  it('changes nothing at first: A is uniform in ±1/√in, B is 0', async () => {
    const all = matrices();
    const adapters = createAdapters(all, { rank: 50, targets: ['up_proj'] });
    expect([...adapters.adapted.keys()]).toEqual(['a.up_proj', 'b.up_proj']);
    expect(Object.entries(adapters.variables).map(([name, { shape }]) => [name, shape])).toEqual([
      ['a.up_proj.lora_A', [5, 50]],
      ['a.up_proj.lora_B', [50, 3]],
      ['b.up_proj.lora_A', [400, 50]],
      ['b.up_proj.lora_B', [50, 7]],
    ]);
    const { weight, adapter } = adapters.adapted.get('b.up_proj') as AdaptedMatrix;
    expect(weight).toBe(all.get('b.up_proj'));
    const a = Float32Array.from(await adapter.down.data());
    const bound = 1 / Math.sqrt(400);
    expect(a.every((value) => Math.abs(value) <= bound)).toBe(true);
    // Of 20,000 uniform numbers: mean 0 and variance bound²/3, within five standard errors.
    const mean = a.reduce((sum, value) => sum + value, 0) / a.length;
    const variance = a.reduce((sum, value) => sum + value ** 2, 0) / a.length;
    expect(Math.abs(mean)).toBeLessThan((5 * bound) / Math.sqrt(3 * a.length));
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
    expect([...(await adapter.up.data())]).toEqual(new Array(350).fill(0));

    const x = frozenMatrix('x', 2, 5);
    const adapted = multiply(x, [adapters.adapted.get('a.up_proj') as AdaptedMatrix])[0] as tf.Tensor2D;
    const plain = multiply(x, [all.get('a.up_proj') as tf.Tensor2D])[0] as tf.Tensor2D;
    expect(await adapted.data()).toEqual(await plain.data());
    adapters.dispose();
  });

  it('draws by seed and path: the other modules change nothing', async () => {
    const a = async (options: object, from = matrices()) => {
      const adapters = createAdapters(from, { rank: 2, ...options });
      const values = [...(await (adapters.variables['a.down_proj.lora_A'] as tf.Variable).data())];
      adapters.dispose();
      return values;
    };
    const drawn = await a({});
    expect(await a({ targets: ['down_proj'], alpha: 9 })).toEqual(drawn);
    expect(await a({ seed: 1 })).not.toEqual(drawn);
  });

  it('frees A and B and no matrix, and makes nothing of what it refuses', async () => {
    const all = matrices();
    await expectNoLeak(() => {
      let made: LoraAdapters | undefined;
      tf.tidy(() => {
        made = createAdapters(all, { rank: 2 });
      });
      const adapters = made as LoraAdapters;
      expect(adapters.variables['a.up_proj.lora_A']?.isDisposed).toBe(false);
      adapters.dispose();
      adapters.dispose();
    });
    expect(all.get('a.up_proj')?.isDisposed).toBe(false);
    const odd = new Map<string, tf.Tensor>([
      ...all,
      ['odd', tf.zeros([3])],
      ['ids', tf.zeros([3, 3], 'int32')],
    ]);
    await expectNoLeak(() => {
      expect(() => createAdapters(all, { rank: 2, targets: ['q_proj'] })).toThrow(
        /called up_proj, down_proj/,
      );
      expect(() => createAdapters(odd as MatricesByPath, { rank: 2, targets: ['a.up_proj', 'odd'] })).toThrow(
        /odd has shape \[3\]/,
      );
      expect(() => createAdapters(odd as MatricesByPath, { rank: 2, targets: ['ids'] })).toThrow(
        /ids has dtype int32/,
      );
    });
  });
});

describeOnBackends('merging', () => {
  it('gives W + scale · A · B, one matrix at a time, whatever the switch', async () => {
    const adapters = createAdapters(matrices(), { rank: 4, alpha: 6, rankPattern: { down_proj: 3 } });
    train(adapters);
    adapters.power.on = false;
    const paths: string[] = [];
    await expectNoLeak(async () => {
      for (const [path, merged] of mergeAdapters(adapters)) {
        paths.push(path);
        expect(await merged.data()).toBeAllclose(await exactMerged(adapters, path), 1e-6);
        merged.dispose();
      }
    });
    expect(paths).toEqual(['a.up_proj', 'a.down_proj', 'b.up_proj']);
    adapters.dispose();
  });

  it('gives the same on the host, as PyTorch stores it', async () => {
    const adapters = createAdapters(matrices(), { rank: 2, targets: ['a.up_proj'] });
    train(adapters);
    const matrix = adapters.adapted.get('a.up_proj') as AdaptedMatrix;
    const merged = mergedWeight(matrix);
    const rows = await merged.array();
    const turned = [0, 1, 2].flatMap((column) => rows.map((row) => row[column] as number));
    await expectNoLeak(async () => {
      expect([...(await mergedValues(matrix))]).toEqual(turned);
    });
    // Of its own: what the caller does with it does not reach the adapters.
    (await mergedValues(matrix)).fill(0);
    expect([...(await mergedValues(matrix))]).toEqual(turned);
    adapters.dispose();
  });
});
