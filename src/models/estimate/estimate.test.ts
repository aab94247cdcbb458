import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { withComposed } from '../../../test/support/kernel-properties.js';
import { peakBytes } from '../../../test/support/peak-bytes.js';
import { janusSource } from '../../../test/support/tiny-janus-policy.js';
import { isBicotError } from '../../errors.js';
import { currentKernels } from '../../kernels/choice.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { tokenBatch } from '../../policy/tokens.js';
import { variableGradients } from '../../tensor/gradients.js';
import { namedVariables } from '../backbone/named-variables.js';
import { type JanusConfig, parseJanusConfig } from '../janus/config.js';
import { janusTensors } from '../janus/names.js';
import { blockMatrices, replaceMatrices } from '../janus/parameters.js';
import { planJanus } from '../janus/plan.js';
import { janusPolicy } from '../janus/policy.js';
import { readJanusWeights } from '../janus/read.js';
import { janusSizes } from '../janus/sizes.js';
import { createAdapters } from '../lora/adapters.js';
import { vqDecoderConfig } from '../vq/config.js';
import { estimateFlops, layerFlops } from './flops.js';
import { assertFits, estimateMemory, formatMemory, type MemoryEstimate } from './memory.js';
import { adapterParameters, languageParameters } from './sizes.js';
import { vqDecodeFlops } from './vq.js';

const pro = (language_config: object) => janusSizes(parseJanusConfig({ language_config }));
const common = { vocab_size: 102_400, max_position_embeddings: 16_384 };
const ONE = pro({
  ...common,
  ...{ hidden_size: 2048, intermediate_size: 5632, num_hidden_layers: 24, num_attention_heads: 16 },
});
const SEVEN = pro({ ...common, num_hidden_layers: 30 });

const held = (estimate: MemoryEstimate, name: string) =>
  estimate.held.filter((item) => item.name.startsWith(name)).reduce((sum, { bytes }) => sum + bytes, 0);

/** Published sizes, and what was counted by hand from them. */
describe('estimates of Janus-Pro', () => {
  it('count its parameters', () => {
    expect(languageParameters(ONE)).toBe(1_652_656_128);
    expect(languageParameters(SEVEN)).toBe(6_910_365_696);
    expect(ONE.imageParameters).toBe(37_767_168 + 4_214_784 + 131_072);
    expect(SEVEN.imageParameters).toBe(83_906_560 + 16_818_176 + 131_072);
    expect(adapterParameters(ONE, 16, 'attention')).toBe(6_291_456);
    expect(adapterParameters(SEVEN, 16, 'attention')).toBe(15_728_640);
    expect(adapterParameters(ONE, 16, 'all') / 15.1e6).toBeCloseTo(1, 1);
    expect(adapterParameters(SEVEN, 16, 'all') / 37.5e6).toBeCloseTo(1, 1);
  });

  it('give the bytes of whole fine-tuning and of adapters', () => {
    const whole = estimateMemory(ONE);
    expect(held(whole, 'weights') / 6.95e9).toBeCloseTo(1, 2); // 6.78 GB and 0.17 GB of image decoder
    expect(held(whole, 'optimizer')).toBe(8 * languageParameters(ONE));
    expect(held(whole, 'reference')).toBe(4 * languageParameters(ONE));
    const adapters = estimateMemory(ONE, { rank: 16 });
    expect(held(adapters, 'reference')).toBe(0);
    expect(held(adapters, 'adapters') + held(adapters, 'optimizer')).toBe(
      12 * adapterParameters(ONE, 16, 'all'),
    );
    expect(held(adapters, 'weights')).toBe(held(whole, 'weights'));
    expect(adapters.peakBytes).toBeLessThan(whole.peakBytes / 3);
  });

  it('give the bytes of the caches', () => {
    // 384 KiB a token; 8 samples with guidance, 704 tokens each: 4.4 GB.
    const images = (sizes: typeof ONE) =>
      estimateMemory(sizes, { contextTokens: 128, fused: true }).phases.find(
        ({ name }) => name === 'rollout: images',
      )?.bytes as number;
    const packed = (sizes: typeof ONE) => 4 * (languageParameters(sizes) - 102_400 * sizes.width);
    expect((images(ONE) - packed(ONE)) / 4.43e9).toBeCloseTo(1, 2);
    expect((images(SEVEN) - packed(SEVEN)) / 11.07e9).toBeCloseTo(1, 2);
  });

  it('give the arithmetic', () => {
    expect(layerFlops(ONE, 0) / 2.47e9).toBeCloseTo(1, 2);
    expect(layerFlops(SEVEN, 0) / 12.14e9).toBeCloseTo(1, 2);
    expect(ONE.imageHeadFlops / 0.076e9).toBeCloseTo(1, 1);
    expect(vqDecodeFlops(ONE.decoder) / 0.57e12).toBeCloseTo(1, 1);
    const step = (sizes: typeof ONE, rank: number) =>
      estimateFlops(sizes, {
        ...{ samples: 8, groupSize: 8, rank, guidance: true, checkpointing: true, reference: true },
        ...{ promptTokens: 200, planTokens: 80, contextTokens: 120 },
      });
    // Of one prompt with 8 samples: 29 T to draw, 20 T for the reference, 61 T or 81 T to train, less what a block that is
    // computed again leaves out.
    expect(step(ONE, 0).images / 8 / 3.6e12).toBeCloseTo(1, 1);
    expect(step(ONE, 0).reference / 20e12).toBeCloseTo(1, 1);
    const leftOut = 8 * (280 + 696) * 2 * 24 * 2048 * 5632;
    expect((step(ONE, 0).update + leftOut) / 81e12).toBeCloseTo(1, 1);
    expect((step(ONE, 16).update + leftOut) / 61e12).toBeCloseTo(1, 1);
    expect(step(SEVEN, 0).images / 8 / 17.3e12).toBeCloseTo(1, 1);
    expect(step(ONE, 0).total).toBeGreaterThan(0.12e15);
    expect(step(ONE, 0).total).toBeLessThan(0.15e15);
  });
});

describe('assertFits', () => {
  const refusal = (...args: Parameters<typeof assertFits>): Error => {
    try {
      assertFits(...args);
    } catch (error) {
      return error as Error;
    }
    throw new Error('it fits');
  };

  it('lets pass what fits', () => {
    const plan = { rank: 16 };
    expect(() => assertFits(estimateMemory(ONE, plan), 32e9, ONE, plan)).not.toThrow();
  });

  it('says what helps, with how much would be left', () => {
    const plan = { microBatch: 8, checkpointing: false };
    const error = refusal(estimateMemory(ONE, plan), 24e9, ONE, plan);
    expect(isBicotError(error, 'value')).toBe(true);
    expect(error.message).toMatch(/takes about \d+\.\d\d GB, but the device has 24\.00 GB/);
    expect(error.message).toMatch(/checkpointing: true \(.*microBatch: 1 \(.*lora: \{ rank: 16 \}/);
    expect(error.message).toMatch(/GB\)/);
  });

  it('says when nothing helps', () => {
    const error = refusal(estimateMemory(SEVEN), 16e9, SEVEN);
    expect(error.message).toMatch(
      /Even with all that can be saved it takes \d+\.\d\d GB: use a smaller model/,
    );
  });

  it('refuses a plan that is none', () => {
    expect(() => estimateMemory(ONE, { rowsAtOnce: 0 })).toThrow(/rowsAtOnce is 0/);
    expect(() => estimateMemory(ONE, { rank: -1 })).toThrow(/rank is -1/);
    expect(() => estimateMemory(ONE, { row: 1 } as never)).toThrow(/no option 'row'/);
  });
});

describe('formatMemory', () => {
  it('is a table that adds up', () => {
    const lines = formatMemory(estimateMemory(ONE, { rank: 16 })).split('\n');
    expect(lines[0]).toBe('held all the time');
    expect(lines.some((line) => /^ {2}weights: language model +6\.61 GB$/.test(line))).toBe(true);
    expect(lines.some((line) => line.includes('reference'))).toBe(false);
    expect(lines.at(-1)).toMatch(/^at most +\d+\.\d\d GB$/);
  });
});

/** A size that the counts were not taken at. */
const MIDDLE: JanusConfig = {
  language: {
    ...{ vocabulary: 300, width: 192, hidden: 480, layers: 4, heads: 6 },
    ...{ maxPositions: 1024, rmsEpsilon: 1e-6, ropeTheta: 10_000 },
  },
  image: { vocabulary: 256, embedding: 8 },
  vq: vqDecoderConfig({ codebookSize: 256, channels: 32, multipliers: [1, 2], latent: 32, grid: 14 }),
};

describe('the estimate of an update', () => {
  for (const rank of [0, 4]) {
    it.each([true, 2, false])(
      `is what is measured: rank ${rank}, checkpointing %s`,
      async (checkpointing) => {
        const source = janusSource(janusTensors(MIDDLE));
        const { parameters, tensors } = await readJanusWeights(MIDDLE, planJanus(MIDDLE, source), source, {
          ...{ trainable: rank === 0, maxTensorBytes: 2 ** 30, check() {} },
        });
        const adapters = rank > 0 ? createAdapters(blockMatrices(parameters), { rank }) : undefined;
        const policy = janusPolicy({
          config: MIDDLE,
          parameters: adapters
            ? {
                ...parameters,
                blocks: replaceMatrices(parameters.blocks, (path) => adapters.adapted.get(path)),
              }
            : parameters,
          variables: adapters?.variables ?? namedVariables(tensors),
          tokens: { begin: 1, end: 2, pad: 3, beginImage: 4 },
          checkpointing,
        });
        const contexts = [{ ids: Int32Array.from({ length: 101 }, (_, i) => 10 + i) }];
        const completion = tokenBatch([Array.from({ length: 196 }, (_, i) => i)]);
        let gradients = 0;
        const pass = () =>
          peakBytes(() => {
            const made = variableGradients(
              () => tf.sum(completionLogProbs(policy, { contexts, completion, space: 'image' })) as tf.Scalar,
              Object.values(policy.variables),
            );
            if (!made) throw new Error('nothing to train');
            gradients = Object.values(made.grads).reduce((sum, { size }) => sum + 4 * size, 0);
            tf.dispose([made.value, made.grads]);
          });
        for (const fused of currentKernels().kernels === 'fused' ? [true, false] : [false]) {
          const measured = (fused ? pass() : await withComposed(async () => pass())) - gradients;
          const sizes = { ...janusSizes(MIDDLE) };
          const plan = { rank, checkpointing, fused, planTokens: 0, contextTokens: 100 };
          const { phases } = estimateMemory(sizes, plan);
          const trained = rank > 0 ? adapterParameters(sizes, rank, 'all') : languageParameters(sizes);
          const estimated = (phases.find(({ name }) => name === 'update')?.bytes ?? 0) - 12 * trained;
          expect(estimated / measured, `fused ${fused}`).toBeGreaterThan(0.9);
          expect(estimated / measured, `fused ${fused}`).toBeLessThan(1.25);
        }
        policy.dispose();
        adapters?.dispose();
      },
    );
  }
});
