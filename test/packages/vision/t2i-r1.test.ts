/** T2I-R1's rewards on small models, put together by the real runtime; and what the page about them does. */
import { readFileSync } from 'node:fs';
import * as bicot from 'bicot';
import { type PromptRow, rewardEnsemble } from 'bicot';
import * as rewards from 'bicot/rewards/transformers';
import {
  loadTransformers,
  type OnnxLoader,
  type OnnxModel,
  type TransformersModule,
  t2iR1Rewards,
  yesNoModel,
} from 'bicot/rewards/transformers';
import ts from 'typescript';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { modelFolder, picture } from '../../support/vision.js';

/** The package, and which models were loaded and ended. */
function counted(real: TransformersModule): {
  transformers: TransformersModule;
  loaded: string[];
  ended: string[];
} {
  const [loaded, ended]: [string[], string[]] = [[], []];
  const count = (loader: OnnxLoader<OnnxModel>): OnnxLoader<OnnxModel> => ({
    async from_pretrained(name, options) {
      const model = await loader.from_pretrained(name, options);
      const short = name.split('/').at(-1) as string;
      loaded.push(short);
      const dispose = model.dispose.bind(model);
      return Object.assign(model, {
        dispose: () => {
          ended.push(short);
          return dispose();
        },
      });
    },
  });
  const { AutoModel, AutoModelForZeroShotObjectDetection, AutoModelForImageTextToText } = real;
  const transformers = {
    ...real,
    AutoModel: count(AutoModel),
    AutoModelForZeroShotObjectDetection: count(AutoModelForZeroShotObjectDetection),
    AutoModelForImageTextToText: count(AutoModelForImageTextToText),
  };
  return { transformers, loaded, ended };
}

let real: TransformersModule;
beforeAll(async () => {
  real = await loadTransformers('test');
});

const rows: readonly PromptRow[] = [
  { prompt: 'a purple dog', task_type: 'color', nouns: ['dog'], attr_nouns: ['purple dog'] },
  { prompt: 'two dogs', task_type: 'numeracy', nouns: ['dog'], numeracy_info: [{ obj_name: 'dog', num: 2 }] },
];
const samples = [0, 1, 2, 3].map((i) => ({
  prompt: rows[i >> 1] as PromptRow,
  group: i >> 1,
  index: i & 1,
  image: picture(48, 48, i % 3),
  tokens: {},
}));

describe('t2iR1Rewards', () => {
  it('scores with four members on three models, and ends them', async () => {
    const { transformers, loaded, ended } = counted(real);
    const question = { model: modelFolder('smolvlm'), transformers };
    const four = t2iR1Rewards({
      similarity: { model: modelFolder('clip'), transformers },
      detector: { model: modelFolder('grounding-dino'), transformers },
      question,
      judge: { ...question },
    });
    expect(loaded).toEqual([]);
    const { results, failures, total } = await rewardEnsemble(four.members).evaluate(samples);
    expect(failures).toEqual([]);
    expect([...loaded].sort()).toEqual(['clip', 'grounding-dino', 'smolvlm']);
    const kinds = Object.fromEntries(
      Object.entries(results).map(([name, of]) => [name, of.map(({ kind }) => kind)]),
    );
    const all = ['score', 'score', 'score', 'score'];
    expect(kinds).toEqual({ hps: all, git: ['score', 'score', 'abstain', 'abstain'], gdino: all, orm: all });
    expect(Array.from(total).every(Number.isFinite)).toBe(true);
    await four.dispose();
    expect([...ended].sort()).toEqual(['clip', 'grounding-dino', 'smolvlm']);
  });

  it('loads two where the judge is another one, and leaves what it was given', async () => {
    const { transformers, loaded, ended } = counted(real);
    const mine = yesNoModel({ model: modelFolder('llava'), transformers });
    const four = t2iR1Rewards({
      similarity: { model: modelFolder('clip'), transformers },
      detector: { model: modelFolder('owlvit'), transformers },
      question: mine,
      judge: { model: modelFolder('qwen2-vl'), transformers },
    });
    for (const { reward } of [four.members.git, four.members.orm]) await reward(samples);
    expect(loaded).toEqual(['llava', 'qwen2-vl']);
    await four.dispose();
    expect(ended).toEqual(['qwen2-vl']);
    await mine.dispose();
    expect(ended).toEqual(['qwen2-vl', 'llava']);
  });
});

describe('docs/rewards/t2i-r1.md', () => {
  const page = readFileSync(new URL('../../../docs/rewards/t2i-r1.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((found) => found[1] as string);
  const small: Readonly<Record<string, string>> = {
    'Xenova/clip-vit-large-patch14': 'clip',
    './models/hps-v2.1-onnx': 'clip',
    'onnx-community/grounding-dino-tiny-ONNX': 'grounding-dino',
    'HuggingFaceTB/SmolVLM-256M-Instruct': 'smolvlm',
  };

  it.each(blocks.map((text, i) => [i, text] as const))('has code that runs: block %i', async (_, text) => {
    const names = [...text.matchAll(/model: '([^']+)'/g)].map((found) => found[1] as string);
    expect(names.length).toBeGreaterThan(0);
    const local = names.reduce(
      (code, name) => code.replaceAll(`'${name}'`, JSON.stringify(modelFolder(small[name] as string).href)),
      text,
    );
    const { outputText } = ts.transpileModule(local, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
    });
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
    const modules: Record<string, unknown> = { bicot, 'bicot/rewards/transformers': rewards };
    await new AsyncFunction('require', 'exports', outputText)((name: string) => modules[name], {});
    log.mockRestore();
  });
});
