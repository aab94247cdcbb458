/** Token spaces and their codecs: faults planted in a right policy are found, and by the check named for them alone. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type Fault, findings, findsAlone, right } from '../../../test/support/planted-faults.js';
import { withImageSpace, withPictures, withTextSpace } from '../../../test/support/policy-faults.js';
import { IMAGE, TEXT } from '../../../test/support/tabular-policy.js';
import { uniformStream } from '../../tensor/noise.js';

const noise = uniformStream('decode');

describe('a token space', () => {
  findsAlone([
    ['of an unknown kind', () => withImageSpace(right, { kind: 'sound' as 'image' }), 'token space in image'],
    ...[0, -1, 2.5, Number.NaN].map(
      (size): Fault => [`of size ${size}`, () => withImageSpace(right, { size }), 'token space in image'],
    ),
    ...[0, 1.5].map(
      (length): Fault => [
        `of length ${length}`,
        () => withImageSpace(right, { length }),
        'token space in image',
      ],
    ),
    ...[TEXT.size, TEXT.size + 1000, -1, 2.5].map(
      (endToken): Fault => [
        `with the end token ${endToken}`,
        () => withTextSpace(right, { endToken }),
        'end token in text',
      ],
    ),
    [
      'whose decode does not know the last token',
      () =>
        withTextSpace(right, {
          decode: (ids) => {
            if (Array.from(ids).includes(TEXT.size - 1)) throw new Error('unknown id');
            return '';
          },
        }),
      'text codec in text',
    ],
    [
      'whose decode gives words',
      () => withTextSpace(right, { decode: (ids) => Array.from(ids).map(String) as unknown as string }),
      'text codec in text',
    ],
    [
      'whose decode is random',
      () => withTextSpace(right, { decode: () => String(noise()) }),
      'text codec in text',
    ],
    ...[-1, TEXT.size, 1.5].map(
      (id): Fault => [
        `whose encode gives ${id}`,
        () => withTextSpace(right, { encode: () => [id] as unknown as Int32Array }),
        'text codec in text',
      ],
    ),
    [
      'whose encode refuses what decode gives',
      () =>
        withTextSpace(right, {
          encode: () => {
            throw new Error('unknown word');
          },
        }),
      'text codec in text',
    ],
    [
      'whose encode gives the end token',
      () =>
        withTextSpace(right, {
          encode: (text) => Int32Array.from(text.split(' '), Number),
        }),
      'text codec in text (warning)',
    ],
  ]);
});

describe('image decoding', () => {
  findsAlone([
    ['that drops a row', () => withPictures(right, (all) => all.slice(1)), 'image decoding in image'],
    ...[0, IMAGE.size - 1].map(
      (id): Fault => [
        `that throws on token ${id}`,
        () =>
          withPictures(right, (all, { ids }) => {
            if (ids.includes(id)) throw new Error(`no codebook entry ${id}`);
            return all;
          }),
        'image decoding in image',
      ],
    ),
    [
      'that gives RGBA',
      () =>
        withPictures(right, (all) =>
          all.map((one) => ({ ...one, data: new Uint8Array(one.width * one.height * 4) })),
        ),
      'image decoding in image',
    ],
    [
      'that gives floats',
      () =>
        withPictures(right, (all) =>
          all.map((one) => ({ ...one, data: Float32Array.from(one.data) as unknown as Uint8Array })),
        ),
      'image decoding in image',
    ],
    [
      'that gives pictures of different sizes',
      () =>
        withPictures(right, (all) =>
          all.map((one, row) => (row === 1 ? { width: 1, height: 1, data: new Uint8Array(3) } : one)),
        ),
      'image decoding in image',
    ],
    [
      'that gives empty pictures',
      () => withPictures(right, (all) => all.map(() => ({ width: 0, height: 0, data: new Uint8Array(0) }))),
      'image decoding in image',
    ],
    [
      'that is random',
      () =>
        withPictures(right, (all) => all.map((one) => ({ ...one, data: one.data.map(() => 255 * noise()) }))),
      'image decoding in image',
    ],
    ...[5, 100].map(
      (strength): Fault => [
        `whose first row is brighter, by ${strength}`,
        () =>
          withPictures(right, (all) =>
            all.map((one, row) => (row === 0 ? { ...one, data: one.data.map((v) => v + strength) } : one)),
          ),
        'image decoding in image',
      ],
    ),
    [
      'that ignores the tokens',
      () => withPictures(right, (all) => all.map((one) => ({ ...one, data: one.data.fill(7) }))),
      'image decoding in image (warning)',
    ],
    [
      'that leaks',
      () =>
        withPictures(right, (all) => {
          tf.scalar(1);
          return all;
        }),
      'no leaks in image',
    ],
  ]);
});

it('a policy without spaces', async () => {
  expect(await findings({ spaces: {} })).toEqual(['spaces']);
});
