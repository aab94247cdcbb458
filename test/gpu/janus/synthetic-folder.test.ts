/** A Janus without files is what its names say, and what a checkpoint with the same numbers is. */
import { loadJanus } from 'bicot/models/janus';
import { expect, it } from 'vitest';
import { openTensors } from '../../../src/models/checkpoints/open-tensors.js';
import { describeOnBackends, expectNoLeak } from '../../support/backends.js';
import { deterministicWeights } from '../../support/tiny-janus.js';
import { JANUS_SIZES, janusConfig } from './sizes.js';
import { syntheticJanus } from './synthetic-folder.js';

describeOnBackends('a synthetic Janus', () => {
  it('is read as any checkpoint, in whatever pieces', () =>
    expectNoLeak(async () => {
      const folder = syntheticJanus(JANUS_SIZES.tiny);
      const policy = await loadJanus(folder, { frozen: true, maxTensorBytes: 10_000 });
      const name = 'language_model.model.embed_tokens.weight';
      const pieces = policy.tensors.get(name) ?? [];
      expect(pieces.length).toBeGreaterThan(1);
      const found: number[] = [];
      for (const piece of pieces) found.push(...(await piece.data()));
      expect(Float32Array.from(found)).toEqual(deterministicWeights(name, [320, 32]));
      policy.dispose();
    }));

  it('gives any bytes of its file as they are in all of it', async () => {
    const folder = syntheticJanus(JANUS_SIZES.tiny);
    const all = await folder.read('model.safetensors', 0, await folder.size('model.safetensors'));
    for (const [begin, end] of [
      [0, 8],
      [5, 60_001],
      [40_003, 40_006],
      [all.length - 9, all.length],
    ] as const) {
      expect(await folder.read('model.safetensors', begin, end)).toEqual(all.slice(begin, end));
    }
  });

  it('has the shape of Janus-Pro-1B without making it', async () => {
    const size = JANUS_SIZES['1b'];
    const source = await openTensors(syntheticJanus(size));
    const numbers = [...source.tensors.values()].reduce((sum, { bytes }) => sum + bytes / 4, 0);
    expect(numbers / 1e9).toBeCloseTo(1.75, 1);
    expect(janusConfig(size)).toMatchObject({
      language: { width: 2048, layers: 24, heads: 16, vocabulary: 102_400 },
      vq: { grid: 24, codebookSize: 16_384, channels: 128 },
    });
    const last = await source.readFloats('language_model.lm_head.weight', { begin: 102_399, end: 102_400 });
    expect(last).toHaveLength(2048);
    expect(Math.max(...last)).toBeLessThanOrEqual(Math.sqrt(3 / 2048));
  });
});
