import * as tf from '@tensorflow/tfjs';
import type { Operation } from '../operation.js';
import { floats } from '../values.js';

/** A feature map's sizes: side, channels in, channels out. */
type MapSizes = readonly [side: number, from: number, to: number];

/** A 3×3 convolution with zeros around the map, in float64. */
function convolved(
  [side, from, to]: MapSizes,
  x: Float64Array,
  filter: Float64Array,
  bias: Float64Array,
): number[] {
  return Array.from({ length: side * side * to }, (_, at) => {
    const [c, position] = [at % to, Math.floor(at / to)];
    const [row, column] = [Math.floor(position / side), position % side];
    let sum = bias[c] as number;
    for (let u = 0; u < 3; u++) {
      for (let v = 0; v < 3; v++) {
        const [y, z] = [row + u - 1, column + v - 1];
        if (y < 0 || z < 0 || y >= side || z >= side) continue;
        for (let i = 0; i < from; i++) {
          sum +=
            (x[(y * side + z) * from + i] as number) * (filter[((u * 3 + v) * from + i) * to + c] as number);
        }
      }
    }
    return sum;
  });
}

function convolution(sizes: MapSizes): Operation {
  const [side, from, to] = sizes;
  return {
    ...{
      op: 'fused.conv2d',
      label: `3×3, 'same', with bias, [1, ${side}, ${side}, ${from}] to ${to} channels`,
    },
    inputs: [
      floats('conv x', [1, side, side, from]),
      floats('conv f', [3, 3, from, to]),
      floats('conv b', [to]),
    ],
    run: (...[x, filter, bias]) =>
      tf.fused.conv2d({
        ...{ x: x as tf.Tensor4D, filter: filter as tf.Tensor4D, bias: bias as tf.Tensor1D },
        ...{ strides: 1, pad: 'same' },
      }),
    exact: (...[x, filter, bias]) => [
      convolved(sizes, x as Float64Array, filter as Float64Array, bias as Float64Array),
    ],
  };
}

/** Means of whole windows. */
function averages(side: number, window: number, channels: number): Operation {
  const out = side / window;
  return {
    ...{ op: 'avgPool', label: `windows of ${window} of [1, ${side}, ${side}, ${channels}]` },
    inputs: [floats('avgPool', [1, side, side, channels])],
    run: (...[x]) => tf.avgPool(x as tf.Tensor4D, window, window, 'valid'),
    exact: (...[x]) => [
      Array.from({ length: out * out * channels }, (_, at) => {
        const [c, position] = [at % channels, Math.floor(at / channels)];
        const [row, column] = [Math.floor(position / out) * window, (position % out) * window];
        let sum = 0;
        for (let i = 0; i < window * window; i++) {
          const [y, z] = [row + Math.floor(i / window), column + (i % window)];
          sum += (x as Float64Array)[(y * side + z) * channels + c] as number;
        }
        return sum / window ** 2;
      }),
    ],
  };
}

/** What the decoder of image tokens is made of; nothing differentiates it. */
export function imageOperations(): Operation[] {
  const [side, channels] = [3, 5];
  return [
    convolution([1, 3, 4]),
    convolution([5, 3, 4]),
    convolution([12, 9, 17]),
    averages(6, 3, 5),
    averages(32, 16, 3),
    {
      ...{
        op: 'image.resizeNearestNeighbor',
        label: `[1, ${side}, ${side}, ${channels}], every pixel four times`,
      },
      inputs: [floats('resize', [1, side, side, channels])],
      run: (...[x]) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [2 * side, 2 * side]),
      exact: (...[x]) => [
        Array.from({ length: 4 * side * side * channels }, (_, at) => {
          const [c, position] = [at % channels, Math.floor(at / channels)];
          const [row, column] = [Math.floor(position / (2 * side)), position % (2 * side)];
          return (x as Float64Array)[
            (Math.floor(row / 2) * side + Math.floor(column / 2)) * channels + c
          ] as number;
        }),
      ],
    },
  ];
}
