import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { deterministicVq, vqReference } from '../../../test/support/vq.js';
import { tokenBatch } from '../../policy/tokens.js';
import { vqDecoderConfig } from './config.js';
import { vqImageTokenizer } from './image-tokenizer.js';

const REFERENCE = vqReference('tiny');
const CONFIG = vqDecoderConfig(REFERENCE.config);
const BYTES = REFERENCE.original?.bytes ?? [];

describeOnBackends('vqImageTokenizer', () => {
  it('gives the bytes of the original implementation, and leaves nothing behind', async () => {
    await expectNoLeak(async () => {
      const tokenizer = vqImageTokenizer(CONFIG, deterministicVq(CONFIG));
      expect([tokenizer.size, tokenizer.length, tokenizer.side]).toEqual([64, 16, 16]);
      const images = await tokenizer.decode(tokenBatch(REFERENCE.codes));
      expect(images.map(({ width, height }) => [width, height])).toEqual([
        [16, 16],
        [16, 16],
      ]);
      expect(BYTES).toHaveLength(3);
      for (const { image, y, x, rgb } of BYTES) {
        const at = 3 * (16 * y + x);
        expect(Array.from(images[image]?.data.subarray(at, at + 3) ?? [])).toEqual(rgb);
      }
      // Cut off, not rounded; but for pixels that rounding errors carry over a whole number.
      REFERENCE.pixels.forEach((pixels, image) => {
        pixels.forEach((pixel, i) => {
          const scaled = ((pixel + 1) / 2) * 255;
          if (Math.abs(scaled - Math.round(scaled)) < 0.01) return;
          expect(images[image]?.data[i]).toBe(Math.floor(Math.min(Math.max(scaled, 0), 255)));
        });
      });
      tokenizer.dispose();
      tokenizer.dispose();
    });
  });

  it('lets other work of the thread have its turn between pictures', async () => {
    const tokenizer = vqImageTokenizer(CONFIG, deterministicVq(CONFIG));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await tokenizer.decode(tokenBatch([...REFERENCE.codes, ...REFERENCE.codes]));
    clearInterval(timer);
    expect(turns).toBeGreaterThanOrEqual(2);
    tokenizer.dispose();
  });

  const refuses = async (promise: Promise<unknown>, code: string, message: RegExp) =>
    expect(promise).rejects.toMatchObject({ code, message: expect.stringMatching(message) });

  it('refuses tokens that are no pictures, and decodes nothing after it was disposed', async () => {
    const tokenizer = vqImageTokenizer(CONFIG, deterministicVq(CONFIG));
    const row = Array.from({ length: 16 }, () => 0);
    await refuses(
      tokenizer.decode(tokenBatch([row, [...row.slice(1), 64]])),
      'token-range',
      /vqImageTokenizer\.decode: token id 64 at row 1, position 15/,
    );
    await refuses(
      tokenizer.decode(tokenBatch([row, row.slice(1)])),
      'shape',
      /row 1 has 15 tokens; a picture has 4 · 4 = 16/,
    );
    expect(await tokenizer.decode(tokenBatch([]))).toEqual([]);
    tokenizer.dispose();
    await refuses(tokenizer.decode(tokenBatch([row])), 'value', /was disposed/);
  });

  it('says so if a picture is not made of numbers', async () => {
    const parameters = deterministicVq(CONFIG);
    const bias = tf.tensor1d([0, Number.NaN, 0]);
    const tokenizer = vqImageTokenizer(CONFIG, { ...parameters, output: { ...parameters.output, bias } });
    await expectNoLeak(() =>
      refuses(tokenizer.decode(tokenBatch([REFERENCE.codes[0] ?? []])), 'non-finite', /value NaN/),
    );
    tokenizer.dispose();
    parameters.output.bias.dispose();
  });
});
