import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { tinyJanus } from '../../../test/support/tiny-janus-policy.js';
import { context, DRAWINGS, IMAGES, PLANS, PROMPTS } from '../../../test/support/tiny-janus-samples.js';
import { checkPolicy } from '../../conformance/policy/check-policy.js';
import { completionLogProbs } from '../../policy/log-probs.js';
import { freezeReference } from '../../policy/reference.js';
import { tokenBatch } from '../../policy/tokens.js';
import { sampleCompletions } from '../../sampling/sampler.js';
import { variableGradients } from '../../tensor/gradients.js';
import { uniformStream } from '../../tensor/noise.js';
import type { JanusPolicy } from './policy.js';
import { arangeContexts, type JanusContext } from './sequences.js';

/** Of DeepSeek's image decoder and Hugging Face's LLaMA in PyTorch with these weights; six decimals. */
const known = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/janus/known-values.json', import.meta.url), 'utf8'),
);
const TOLERANCE = 2e-4;

const score = (policy: JanusPolicy, contexts: readonly JanusContext[], space: 'text' | 'image') =>
  completionLogProbs(policy, { contexts, completion: space === 'text' ? PLANS : IMAGES, space });

async function numbers(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return Float32Array.from(values);
}

describeOnBackends('Janus, tiny, held against PyTorch', () => {
  let policy: JanusPolicy;
  beforeAll(async () => {
    policy = await tinyJanus();
  });
  afterAll(() => policy.dispose());

  it('gives the logits of a text', async () => {
    const { ids } = known.text_forward;
    // One token more, whose logits are those after the last of the text.
    const logits = await numbers(
      policy.logits([context([1])], tokenBatch([[...ids[0].slice(1), 0]]), 'text'),
    );
    const last = logits.slice(-320);
    expect(last.slice(0, 8)).toBeAllclose(known.text_forward.logits_last_pos_first8, TOLERANCE);
    expect(last.indexOf(Math.max(...last))).toBe(known.text_forward.argmax_last);
    const logSumExp = Math.log(last.reduce((sum, value) => sum + Math.exp(value), 0));
    expect(logSumExp).toBeCloseTo(known.text_forward.logsumexp_last[0], 4);
  });

  it('scores plans, whatever their padding', async () => {
    const scored = await numbers(score(policy, PROMPTS, 'text'));
    const { logps, row1_unpadded } = known.semantic_logps;
    expect(scored.slice(0, 4)).toBeAllclose(logps[0], TOLERANCE);
    expect(scored.slice(4, 7)).toBeAllclose(row1_unpadded, TOLERANCE);
  });

  it('scores images, at positions of their own or with the gaps of T2I-R1', async () => {
    const { logps_arange_positions: arange, row1_unpadded } = known.image_logps;
    const own = await numbers(score(policy, DRAWINGS, 'image'));
    expect(own.slice(0, 16)).toBeAllclose(arange[0], TOLERANCE);
    expect(own.slice(16)).toBeAllclose(row1_unpadded, TOLERANCE);
    const gaps = await numbers(score(policy, arangeContexts(DRAWINGS), 'image'));
    expect(gaps).toBeAllclose(arange.flat(), TOLERANCE);
    expect(Math.max(...gaps.map((value, i) => Math.abs(value - (own[i] as number))))).toBeGreaterThan(0.1);
  });

  it('draws the guided greedy tokens of T2I-R1, and decodes their pixels', async () => {
    const { tokens, weight } = known.cfg_greedy;
    const { completion } = await sampleCompletions(policy, {
      ...{ contexts: arangeContexts(DRAWINGS), samplesPerContext: 1, space: 'image' },
      sampling: { topK: 1, guidance: { scale: weight } },
      streams: (row) => uniformStream(0, row),
    });
    expect(Array.from(completion.ids)).toEqual(tokens.flat());
    const pixels = await numbers(policy.pixels(completion));
    const { row0_R_first_line_first8: first, mean, std_unbiased } = known.vq_decode;
    expect(first.map((_: number, x: number) => pixels[3 * x])).toBeAllclose(first, TOLERANCE);
    const average = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    const squares = pixels.reduce((sum, value) => sum + (value - average) ** 2, 0);
    expect(average).toBeCloseTo(mean, 4);
    expect(Math.sqrt(squares / (pixels.length - 1))).toBeCloseTo(std_unbiased, 4);
    const pictures = await policy.spaces.image.decode?.(completion);
    const [one, two] = pictures ?? [];
    const at = (data: Uint8Array | undefined, y: number, x: number) =>
      Array.from((data as Uint8Array).slice((16 * y + x) * 3, (16 * y + x) * 3 + 3));
    expect(at(one?.data, 0, 0)).toEqual(known.vq_decode['row0_uint8_RGB_at_(y=0,x=0)']);
    expect(at(one?.data, 7, 9)).toEqual(known.vq_decode['row0_uint8_RGB_at_(y=7,x=9)']);
    expect(at(two?.data, 15, 15)).toEqual(known.vq_decode['row1_uint8_RGB_at_(y=15,x=15)']);
  });

  it('has the first guided logits of both branches', async () => {
    const [twin] = arangeContexts(DRAWINGS).map((each) => policy.unconditional?.(each));
    const session = policy.startDecoding?.([DRAWINGS[0] as JanusContext, twin as JanusContext], 'image', {
      samplesPerContext: 1,
      maxTokens: 2,
    });
    const logits = await numbers(session?.next() as tf.Tensor);
    session?.dispose();
    expect(logits.slice(0, 4)).toBeAllclose(known.cfg_greedy.first_step_cond_row0_first4, TOLERANCE);
    expect(logits.slice(64, 68)).toBeAllclose(known.cfg_greedy.first_step_uncond_row0_first4, TOLERANCE);
  });
});

describeOnBackends('Janus as a policy', () => {
  for (const space of ['text', 'image']) {
    it(`passes checkPolicy for ${space}`, async () => {
      const policy = await tinyJanus();
      const report = await checkPolicy(policy, { contexts: DRAWINGS, space });
      expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(report.checks.length).toBeGreaterThan(5);
      policy.dispose();
    });
  }

  it('trains all of the language model and nothing else', async () => {
    const policy = await tinyJanus();
    const names = Object.keys(policy.variables);
    expect(names.every((name) => name.startsWith('language_model.'))).toBe(true);
    expect(names).toHaveLength(2 * 9 + 3);
    policy.dispose();
  });

  it('is the same in pieces, and with everything kept for the backward pass', async () => {
    const whole = await tinyJanus({ checkpointing: false });
    const cut = await tinyJanus({ maxTensorBytes: 100 * 32 * 4 });
    expect(Object.keys(cut.variables).filter((name) => /embed_tokens|lm_head/.test(name))).toHaveLength(8);
    for (const space of ['text', 'image'] as const) {
      const contexts = space === 'text' ? PROMPTS : DRAWINGS;
      const gradients = async (policy: JanusPolicy) => {
        const found = variableGradients(
          () => tf.sum(score(policy, contexts, space)) as tf.Scalar,
          Object.values(policy.variables),
        ) as { value: tf.Scalar; grads: tf.NamedTensorMap };
        const variable = policy.variables['language_model.model.layers.0.mlp.up_proj.weight'] as tf.Variable;
        const values = await numbers(tf.clone(found.grads[variable.name] as tf.Tensor));
        const sum = await numbers(found.value);
        tf.dispose(found.grads);
        return [sum, values] as const;
      };
      const [expectedSum, expected] = await gradients(whole);
      const [sum, values] = await gradients(cut);
      expect(sum).toBeAllclose(expectedSum, 1e-5);
      expect(values).toBeAllclose(expected, 1e-5);
      const [a, b] = [whole, cut].map((policy) =>
        policy.logits(contexts, space === 'text' ? PLANS : IMAGES, space),
      );
      expect(await numbers(a as tf.Tensor)).toBeAllclose(await numbers(b as tf.Tensor), 1e-5);
    }
    whole.dispose();
    cut.dispose();
  });

  it('leaves nothing behind', async () => {
    const before = tf.memory().numTensors;
    const policy = await tinyJanus();
    await expectNoLeak(async () => {
      const reference = freezeReference(policy);
      for (const space of ['text', 'image'] as const) {
        const contexts = space === 'text' ? PROMPTS : arangeContexts(DRAWINGS);
        score(policy, contexts, space).dispose();
        const sampling = { maxTokens: 5, guidance: { scale: 2 } };
        const streams = (row: number) => uniformStream(row);
        await sampleCompletions(policy, {
          contexts: DRAWINGS,
          samplesPerContext: 2,
          space,
          sampling,
          streams,
        });
      }
      await policy.spaces.image.decode?.(IMAGES);
      reference.dispose();
    });
    policy.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('Janus refuses', () => {
  const refusal = (contexts: JanusContext[], completion = PLANS, space = 'text') =>
    expect(
      tinyJanus({ trainable: false }).then((policy) => {
        try {
          policy.logits(contexts, completion, space);
        } finally {
          policy.dispose();
        }
      }),
    ).rejects;

  it('what it can not read, in words', async () => {
    await refusal([context([1]), context([])]).toThrow(/context 1 is empty/);
    await refusal([context([1]), context([320])]).toThrow(
      /context 1 holds token id 320, outside the text vocabulary/,
    );
    await refusal([context([1])]).toThrow(/contexts/);
    await refusal([context([1]), context([1])], PLANS, 'sound').toThrow(/no token space 'sound'/);
    await refusal([{ ...context([1]), gap: -1 }, context([1])]).toThrow(/the gap of context 0 is -1/);
    await refusal([{ ...context([1]), gap: 300 }, context([1])]).toThrow(/take 304 positions.*made for 256/);
  });
});
