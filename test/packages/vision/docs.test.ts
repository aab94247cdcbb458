/** The code of docs/rewards/vision.md, on small models instead of those that it downloads. */
import { readFileSync } from 'node:fs';
import * as bicot from 'bicot';
import * as transformers from 'bicot/rewards/transformers';
import ts from 'typescript';
import { expect, it, vi } from 'vitest';
import { modelFolder } from '../../support/vision.js';

it('runs', async () => {
  const page = readFileSync(new URL('../../../docs/rewards/vision.md', import.meta.url), 'utf8');
  const [, text = ''] = page.match(/^```ts\n([\s\S]*?)^```$/m) ?? [];
  const local = text
    .replace("'onnx-community/grounding-dino-tiny-ONNX'", JSON.stringify(modelFolder('grounding-dino')))
    .replace("'Xenova/clip-vit-base-patch16'", JSON.stringify(modelFolder('clip')));
  expect(local.match(/file:/g)).toHaveLength(2);
  const { outputText } = ts.transpileModule(local, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const modules: Record<string, unknown> = { bicot, 'bicot/rewards/transformers': transformers };
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  await new AsyncFunction('require', 'exports', outputText)((name: string) => modules[name], {});
  const [[results]] = log.mock.calls as [[readonly unknown[]]];
  vi.restoreAllMocks();
  expect(results).toHaveLength(1);
  expect(JSON.stringify(results)).toMatch(/"score"/);
});
