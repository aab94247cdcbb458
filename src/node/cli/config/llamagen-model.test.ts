import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeOnBackends } from '../../../../test/support/backends.js';
import { llamaGenFile, tinyTokenizerTensors } from '../../../../test/support/tiny-llamagen.js';
import { encodeSafetensors } from '../../../models/safetensors.js';
import { classRows } from './llamagen-model.js';
import { loadConfig } from './load.js';

const work = mkdtempSync(join(tmpdir(), 'bicot-llamagen-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

for (const file of ['class.pt', 'text.pt'] as const) writeFileSync(join(work, file), llamaGenFile(file));
writeFileSync(
  join(work, 'classes.jsonl'),
  '{"label": 3, "prompt": "a dog"}\n\n{"label": 7, "prompt": "a cat"}\n',
);
writeFileSync(join(work, 'vq.safetensors'), encodeSafetensors(tinyTokenizerTensors()));

function configured(transformer: string): string {
  const config = {
    model: {
      ...{ type: 'llamagen', folder: '.', transformer, tokenizer: 'vq.safetensors' },
      ...{ heads: 4, grid: 4, lora: { rank: 2 } },
    },
    prompts: 'classes.jsonl',
    rewards: { remote: { type: 'http', url: 'http://localhost:1/score' } },
    ...{ steps: 1, learningRate: 0.01 },
  };
  const file = join(work, `${transformer}.json`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

describeOnBackends('a LlamaGen in JSON', () => {
  it('draws the classes of a file, and numbers of classes', async () => {
    const { definition, settings } = await loadConfig(configured('class.pt'));
    expect(settings).toMatchObject({ model: { folder: work }, prompts: join(work, 'classes.jsonl') });
    const { policy, rollout, prompts, promptOf } = await definition.setup();
    expect(prompts).toEqual([
      { label: 3, prompt: 'a dog', task_type: 'object', nouns: ['a dog'] },
      { label: 7, prompt: 'a cat', task_type: 'object', nouns: ['a cat'] },
    ]);
    const unused = { signal: undefined, onProgress: undefined };
    const { samples } = await rollout({
      ...{ prompts: [promptOf?.('3')], promptIds: [0], groupSize: 2, step: 0, seed: 0, ...unused },
    });
    expect(samples.map(({ image }) => image && image.width > 0)).toEqual([true, true]);
    expect(() => promptOf?.('a dog')).toThrow(
      /prompt is "a dog"; this model draws classes: .* from 0 to \d+/,
    );
    expect(() => promptOf?.('99999')).toThrow(/expected a number from 0/);
    policy.dispose?.();
  });

  it('refuses captions, which need an encoder', async () => {
    const { definition } = await loadConfig(configured('text.pt'));
    await expect(definition.setup()).rejects.toThrow(/draws captions .* no such encoder/);
  });
});

it.each([
  ['{"label": -1, "prompt": "a"}', /rows\.jsonl:2: the row is \{"label": -1.*; expected \{ "label": 207/],
  ['{"label": 1}', /rows\.jsonl:2/],
  ['label', /rows\.jsonl:2: the row is label/],
])('names the line that is wrong: %s', async (line, message) => {
  const file = join(work, 'rows.jsonl');
  writeFileSync(file, `{"label": 1, "prompt": "a"}\n${line}\n`);
  await expect(classRows(file)).rejects.toThrow(message);
  writeFileSync(file, '\n');
  await expect(classRows(file)).rejects.toThrow(/has no prompts/);
  await expect(classRows(join(work, 'none'))).rejects.toThrow(/Cannot read the prompt file/);
});
