import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { describeOnBackends } from '../../../test/support/backends.js';
import { largestTensor } from '../../../test/support/largest-tensor.js';
import { isBicotError } from '../../errors.js';
import { isFused } from '../../kernels/choice.js';
import { CAUSAL_ATTENTION } from '../../kernels/fused/causal-attention.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { tokenBatch } from '../../policy/tokens.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { variableGradients } from '../../tensor/gradients.js';
import { uniformStream } from '../../tensor/noise.js';
import { parseJanusConfig } from '../janus/config.js';
import { loadJanus } from '../janus/load.js';
import { janusTensors } from '../janus/names.js';
import { janusSizes } from '../janus/sizes.js';
import { assertWorkFits, workTensors } from './largest-work.js';
import type { TrainingPlan } from './memory.js';
import { assertTensorsFit } from './tensor-limit.js';

const SEVEN_CONFIG = parseJanusConfig({
  language_config: { vocab_size: 102_400, max_position_embeddings: 16_384, num_hidden_layers: 30 },
});
const SEVEN = janusSizes(SEVEN_CONFIG);

/** The item of this name. */
const bytesOf = (plan: TrainingPlan, name: string): number | undefined =>
  workTensors(SEVEN, plan).find((item) => item.name === name)?.bytes;

const refusal = (plan: TrainingPlan, tensorBytes: number): Error => {
  try {
    assertWorkFits(SEVEN, plan, tensorBytes);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it fits');
};

describe('workTensors of Janus-Pro-7B', () => {
  it('are what was counted by hand', () => {
    // 8 rows and as many unconditional ones; 120 tokens of context and 576 of the image; 4096 wide, 11008 gated, 32 heads.
    expect(bytesOf({}, 'rollout: keys of one block, images')).toBe(16 * 696 * 4096 * 4);
    expect(bytesOf({ fused: true }, 'rollout: keys of one block, images')).toBe(16 * 576 * 4096 * 4);
    expect(bytesOf({}, 'rollout: logits of a step, plans')).toBe(8 * 102_400 * 4);
    expect(bytesOf({ planTokens: 0 }, 'rollout: logits of a step, plans')).toBeUndefined();
    expect(bytesOf({}, 'rollout: gated layer of the contexts')).toBe(16 * 120 * 11_008 * 4);
    expect(bytesOf({ microBatch: 2 }, 'update: gated layer')).toBe(2 * 696 * 11_008 * 4);
    expect(bytesOf({}, 'update: attention')).toBe(32 * 696 ** 2 * 4);
    expect(bytesOf({ fused: true }, 'update: attention')).toBeUndefined();
    expect(bytesOf({}, 'rollout: pixels')).toBe(384 * 384 * 128 * 4);
  });

  it('fit a device, or are refused with what helps', () => {
    expect(() => assertWorkFits(SEVEN, {}, 2 ** 31)).not.toThrow();
    const error = refusal({ rowsAtOnce: 16, microBatch: 4 }, 2 ** 27);
    expect(isBicotError(error, 'value')).toBe(true);
    expect(error.message).toMatch(
      /makes a tensor of 364\.9 MB \(rollout: keys of one block, images\), but the device allows 134\.2 MB for one\. What helps: rowsAtOnce: 4 and microBatch: 2; or a backend/,
    );
    expect(() => assertWorkFits(SEVEN, { rowsAtOnce: 4, microBatch: 2 }, 2 ** 27)).not.toThrow();
    expect(refusal({}, 2 ** 24).message).toMatch(/With one row at a time it is too large still/);
  });
});

describe('assertTensorsFit', () => {
  const tensors = janusTensors(SEVEN_CONFIG);
  const tables = (name: string) => /embed_tokens|lm_head/.test(name);

  it('lets tables pass that are in pieces, and names what is too large for any backend but some', async () => {
    await tf.setBackend('cpu');
    expect(() => assertTensorsFit('loadJanus', tensors, () => false)).not.toThrow();
    await tf.setBackend('wasm');
    const row = { name: 'a.table', shape: [3, 2 ** 30] };
    expect(() => assertTensorsFit('loadJanus', tensors, tables)).not.toThrow();
    expect(() => assertTensorsFit('loadJanus', [...tensors, row], () => true)).toThrow(
      'loadJanus: a row of a.table [3, 1073741824] would take 4.29 GB in one tensor, but the wasm backend allows 4.29 GB for one.',
    );
  });
});

describeOnBackends('the largest tensor of a step', () => {
  const at = fileURLToPath(new URL('../../../test/fixtures/janus/bin', import.meta.url));
  const ROWS = 6;
  const CONTEXT = 40;
  const contexts = Array.from({ length: ROWS }, (_, row) => ({
    ids: Int32Array.from({ length: CONTEXT }, (_, i) => 10 + row + i),
  }));

  it('is no larger than what was estimated, and about as large', async () => {
    const model = await loadJanus(at, { lora: { rank: 2 } });
    const plan = {
      ...{ rank: 2, planTokens: 0, contextTokens: CONTEXT, guidance: false },
      ...{ rowsAtOnce: ROWS, microBatch: ROWS, fused: isFused(CAUSAL_ATTENTION, []) },
    };
    const estimated = (phase: string) =>
      workTensors(janusSizes(model.config), plan)
        .filter(({ name }) => name.startsWith(phase) && !name.endsWith('pixels'))
        .reduce((most, { bytes }) => Math.max(most, bytes), 0);
    const image = Array.from({ length: 16 }, (_, i) => i);
    const update = await largestTensor(() => {
      const batch = { contexts, completion: tokenBatch(contexts.map(() => image)), space: 'image' };
      const made = variableGradients(
        () => tf.sum(completionLogProbs(model, batch)) as tf.Scalar,
        Object.values(model.variables),
      );
      if (made) tf.dispose([made.value, made.grads]);
    });
    const rollout = await largestTensor(async () => {
      const streams = (row: number) => uniformStream('largest', row);
      await sampleCompletions(model, {
        ...{ contexts, samplesPerContext: 1, space: 'image', sampling: {}, streams },
      });
    });
    model.dispose();
    for (const [phase, measured] of Object.entries({ update, rollout })) {
      expect(measured, phase).toBeLessThanOrEqual(estimated(phase));
      expect(measured, phase).toBeGreaterThan(0.9 * estimated(phase));
    }
  });
});
