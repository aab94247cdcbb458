import * as tf from '@tensorflow/tfjs';
import { assertShape } from '../tensor/shape.js';
import { withGradient } from './custom-gradient.js';

/** Angles of rotary position embeddings for some positions, and the matrix that rotates halves. */
export interface RotaryTables {
  /** `[P, 1, D]` */
  readonly cos: tf.Tensor3D;
  /** `[P, 1, D]` */
  readonly sin: tf.Tensor3D;
  /** `[D, D]`: `x · half = [−x₂, x₁]` */
  readonly half: tf.Tensor2D;
  /** `[D, D]`: its transpose. */
  readonly halfTransposed: tf.Tensor2D;
  /** Frees the four tensors. */
  dispose(): void;
}

/**
 * Tables for rotary embeddings in the "rotate half" convention of LLaMA checkpoints:
 * angle(p, i) = p · theta^(−2i/D), repeated for both halves.
 * @param positions `[P]`
 * @param size D, even
 * @returns owned by the caller
 */
export function rotaryTables(positions: ArrayLike<number>, size: number, theta = 10_000): RotaryTables {
  const angle = (p: number, i: number): number => (positions[p] as number) * theta ** ((-2 * i) / size);
  return rotaryTablesOf(positions.length, size, angle);
}

/**
 * Tables of given angles, for models that place their tokens in another way than in a line.
 * @param positions P
 * @param size D, even
 * @param angle how far the `i`th pair of channels turns at the `p`th position; where undefined, its cosine and sine are both 0
 * @returns owned by the caller
 */
export function rotaryTablesOf(
  positions: number,
  size: number,
  angle: (p: number, i: number) => number | undefined,
): RotaryTables {
  const half = size / 2;
  const cosines = new Float32Array(positions * size);
  const sines = new Float32Array(positions * size);
  for (let p = 0; p < positions; p++) {
    for (let i = 0; i < half; i++) {
      const turned = angle(p, i);
      if (turned === undefined) continue;
      for (const column of [i, i + half]) {
        cosines[p * size + column] = Math.cos(turned);
        sines[p * size + column] = Math.sin(turned);
      }
    }
  }
  const rotate = new Float32Array(size * size);
  const rotateTransposed = new Float32Array(size * size);
  for (let i = 0; i < half; i++) {
    rotate[(i + half) * size + i] = -1;
    rotate[i * size + i + half] = 1;
    rotateTransposed[i * size + i + half] = -1;
    rotateTransposed[(i + half) * size + i] = 1;
  }
  const tables = {
    cos: tf.tensor3d(cosines, [positions, 1, size]),
    sin: tf.tensor3d(sines, [positions, 1, size]),
    half: tf.tensor2d(rotate, [size, size]),
    halfTransposed: tf.tensor2d(rotateTransposed, [size, size]),
  };
  return { ...tables, dispose: () => tf.dispose(tables) };
}

/**
 * Rotates queries or keys by their positions (Su et al. 2021): `x · cos + rotateHalf(x) · sin`.
 * Halves are swapped by a product with a constant matrix: slicing copies whole inputs on wasm.
 * @param x `[B, T, H, D]`
 * @param tables for T positions (the same in every row), or for B positions when T is 1
 * @returns `[B, T, H, D]`; the caller disposes it
 * @throws BicotError `shape`
 */
export function rotate(x: tf.Tensor4D, tables: RotaryTables): tf.Tensor4D {
  const [batch, length, , size] = x.shape;
  const positions = tables.cos.shape[0];
  const perRow = length === 1 && positions === batch;
  assertShape('rotate: cos', tables.cos, [perRow ? batch : length, 1, size], '[T, 1, D]');
  const spread = (table: tf.Tensor3D): tf.Tensor => (perRow ? tf.reshape(table, [batch, 1, 1, size]) : table);
  const swap = (y: tf.Tensor, matrix: tf.Tensor2D): tf.Tensor =>
    tf.reshape(tf.matMul(tf.reshape(y, [-1, size]) as tf.Tensor2D, matrix), x.shape);
  return withGradient<tf.Tensor4D>(
    [x],
    () => ({
      value: tf.add(tf.mul(x, spread(tables.cos)), tf.mul(swap(x, tables.half), spread(tables.sin))),
      saved: [tables.cos, tables.sin, tables.halfTransposed],
    }),
    (dy, saved) => {
      const [cos, sin, halfTransposed] = saved as [tf.Tensor3D, tf.Tensor3D, tf.Tensor2D];
      return [tf.add(tf.mul(dy, spread(cos)), swap(tf.mul(dy, spread(sin)), halfTransposed))];
    },
  );
}
