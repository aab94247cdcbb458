import { type Policy, sampleCompletions, uniformStream } from 'bicot';
import { assertSame, MARKDOWN_HEADER, markdownRows, measure } from './measure.js';
import { type BenchOptions, makeContexts, makeModel } from './settings.js';

/** Sampling images with cached keys and values, against running the whole sequence for every token. */
export async function benchSampling({ size, rounds }: BenchOptions): Promise<void> {
  const model = makeModel(size) as Policy & { dispose(): void };
  const { startDecoding: _, ...withoutCache } = model;
  const contexts = makeContexts(size);
  const sample = (policy: Policy) =>
    sampleCompletions(policy, {
      contexts,
      samplesPerContext: size.groupSize,
      space: 'image',
      streams: (row) => uniformStream('bench', 'sampling', row),
      sampling: {},
    });
  const [one, other] = [await sample(withoutCache), await sample(model)];
  assertSame('sampling: tokens', one.completion.ids, other.completion.ids, 0);
  assertSame('sampling: log-probs', one.behaviourLogProbs, other.behaviourLogProbs, 1e-5);
  const run = (policy: Policy) => async () => void (await sample(policy));
  const comparison = {
    title: `sampling ${size.prompts} prompts × G ${size.groupSize} × ${size.imageLength} tokens after ${size.contextLength}`,
    variants: [
      { name: 'whole sequence for every token', run: run(withoutCache) },
      { name: 'bicot, cached', run: run(model) },
    ],
  };
  console.log(MARKDOWN_HEADER);
  console.log(markdownRows(comparison.title, await measure(comparison, rounds)));
  model.dispose();
}
