/**
 * Writes checkpoints with adapters merged in, for `llamagen_saved.py` to read, and what bicot computed before: to
 * DIR/{class,text}, with the log-probs of the fixture's samples in `log-probs.json`.
 *
 *     npx tsx test/reference/write-llamagen.ts DIR
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { completionLogProbs, tokenBatch, uniformStream } from 'bicot';
import { type LlamaGenContext, type LlamaGenModel, loadLlamaGen, saveLlamaGen } from 'bicot/models/llamagen';
import { selectBackend } from 'bicot/node';
import { llamaGenFixture, tinyLlamaGenFolder } from '../support/tiny-llamagen.js';

const [to] = process.argv.slice(2);
if (to === undefined) throw new Error('Name a folder.');

/** Adapters that change something. */
function fillAdapters({ variables }: LlamaGenModel): void {
  for (const [name, variable] of Object.entries(variables)) {
    const draw = uniformStream('llamagen', name);
    const values = Float32Array.from({ length: variable.size }, () => 0.6 * draw() - 0.3);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

await selectBackend('cpu');
for (const kind of ['class', 'text'] as const) {
  const { samples } = llamaGenFixture(kind);
  const model = await loadLlamaGen(tinyLlamaGenFolder(kind), { heads: 4, lora: { rank: 2 } });
  fillAdapters(model);
  const folder = join(to, kind);
  mkdirSync(folder, { recursive: true });
  await saveLlamaGen(model, folder, { dtype: 'F32' });
  const contexts = samples.map(
    ({ label, features = [] }): LlamaGenContext =>
      label === undefined
        ? { features: Float32Array.from(features.flat()), tokens: features.length }
        : { label },
  );
  const completion = tokenBatch(samples.map(({ tokens }) => tokens));
  const logProbs = completionLogProbs(model, { contexts, completion, space: 'image' });
  writeFileSync(join(folder, 'log-probs.json'), JSON.stringify(await logProbs.array()));
  logProbs.dispose();
  model.dispose();
}
