/** What the demo's policy computes on each engine, beside PyTorch in float64 (test/reference/demo_policy.py). */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { completionLogProbs, lossGradients, sampleCompletions, type TokenBatch, tokenBatch } from 'bicot';
import { decodeSafetensors, type TransformerPolicy } from 'bicot/models';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { PLAN_TOKENS } from '../../examples/emoji/plan.js';
import { compareTokens } from '../../src/conformance/backend/margin.js';
import { describeOnBackends } from '../support/backends.js';
import {
  DEMO_LEVELS,
  DEMO_SPACES,
  type DemoLevel,
  demoBatch,
  demoContext,
  demoFixture,
  demoPolicy,
  demoReference,
  paddedRows,
} from '../support/demo-policy.js';
import { DEMO_PROMPTS, DEMO_TEMPERATURES, demoStream } from '../support/demo-prompts.js';

const REFERENCE = demoReference();
const PROMPTS = REFERENCE.rows.length;
/** Promised of every engine. */
const [LOG_PROBS, GRADIENTS, MARGIN] = [1e-4, 1e-3, 1e-3];

const all = Array.from({ length: PROMPTS }, (_, row) => row);

it('the reference is of these prompts', () => {
  expect(PROMPTS).toBe(20);
  expect(REFERENCE.rows.map(({ prompt }) => prompt)).toEqual(DEMO_PROMPTS.map(({ prompt }) => prompt));
});

// A million weights are much for the plain cpu backend on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

describeOnBackends('the demo policy', () => {
  let model: TransformerPolicy;
  beforeAll(async () => {
    model = await demoPolicy();
  });
  afterAll(() => model.dispose());

  it.each(DEMO_LEVELS)('gives the log-probs of the reference, level %s', async (level) => {
    const rows = all.slice(0, 8);
    const batch = demoBatch(REFERENCE, rows, level);
    const logProbs = completionLogProbs(model, batch, { temperature: DEMO_TEMPERATURES[level] });
    const expected = rows.map((row) => REFERENCE.rows[row]?.[level].logProbs ?? []);
    expect(await logProbs.data()).toBeAllclose(paddedRows(expected, batch.completion), LOG_PROBS);
    logProbs.dispose();
  });

  it('gives the gradients of the reference', async () => {
    const { tensors } = decodeSafetensors(
      await readFile(fileURLToPath(demoFixture('gradients.safetensors'))),
    );
    const rows = all.slice(0, REFERENCE.differentiated);
    const { loss, gradients } = lossGradients(
      () =>
        DEMO_LEVELS.map((level) => {
          const batch = demoBatch(REFERENCE, rows, level);
          const { width, lengths } = batch.completion;
          const weights = paddedRows(
            [...lengths].map((length) => new Array<number>(length).fill(1 / length)),
            batch.completion,
          );
          const logProbs = completionLogProbs(model, batch, { temperature: DEMO_TEMPERATURES[level] });
          return tf.sum(tf.mul(logProbs, tf.tensor2d(Float32Array.from(weights), [rows.length, width])));
        }).reduce((a, b) => tf.add(a, b)) as tf.Scalar,
      model.variables,
    );
    expect(await loss.data()).toBeAllclose([REFERENCE.loss], LOG_PROBS);
    expect(Object.keys(gradients).sort()).toEqual(Object.keys(REFERENCE.gradients).sort());
    for (const [name, gradient] of Object.entries(gradients)) {
      const values = await gradient.data<'float32'>();
      const kept = tensors[name]?.data as Float32Array;
      const stride = Math.max(1, Math.floor(values.length / 300));
      const got = Array.from(kept, (_, i) => values[i * stride] as number);
      const { max, norm, cosine } = REFERENCE.gradients[name] as (typeof REFERENCE.gradients)[string];
      // The largest entry of all stands for the magnitude, kept or not.
      expect([...got, max], name).toBeAllclose([...kept, max], GRADIENTS);
      const square = values.reduce((sum, value) => sum + value * value, 0);
      expect([Math.sqrt(square), norm], name).toBeAllclose([norm, norm], GRADIENTS);
      const along = values.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
      expect([along, norm], name).toBeAllclose([cosine, norm], GRADIENTS);
    }
    tf.dispose([loss, ...Object.values(gradients)]);
  });

  async function expectAgreement(level: DemoLevel, maxTokens: number): Promise<void> {
    const { completion } = await sampleCompletions(model, {
      ...{ contexts: all.map((row) => demoContext(REFERENCE, row, level)), samplesPerContext: 1 },
      ...{ space: DEMO_SPACES[level], sampling: { temperature: DEMO_TEMPERATURES[level], maxTokens } },
      streams: (row) => demoStream(row, level),
    });
    const begun = REFERENCE.rows.map((row) => row[level].tokens.slice(0, maxTokens));
    const expected: TokenBatch = tokenBatch(begun);
    const margins = paddedRows(
      REFERENCE.rows.map((row) => row[level].margins.slice(0, maxTokens)),
      expected,
    );
    const { same, margin } = compareTokens(completion, expected, margins);
    expect(margin).toBeLessThan(MARGIN);
    // No more rows may part than have a decision that near.
    const near = REFERENCE.rows.filter((row) =>
      row[level].margins.slice(0, maxTokens).some((m) => m < MARGIN),
    );
    expect(same).toBeGreaterThanOrEqual(PROMPTS - near.length);
  }

  it('draws the first tokens of 20 plans and pictures as the reference', async () => {
    for (const level of DEMO_LEVELS) await expectAgreement(level, 3);
  });

  it('draws all tokens of 20 plans and pictures as the reference', async () => {
    await expectAgreement('semantic', PLAN_TOKENS);
    await expectAgreement('token', model.config.imageLength);
  });
});
