import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasRelaxedSimd } from './relaxed-simd.js';
import { FMA_MODULE } from './wasm/binary/fma.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a fresh process prints, whose backend was started without bicot's help. */
function printed(code: string): unknown {
  const module = `
    import '@tensorflow/tfjs-backend-wasm';
    import * as tf from '@tensorflow/tfjs';
    import { currentKernels, linear, loadKernels, oneLevelRollout, score, t2iR1, train } from './src/index.js';
    import { createTransformer } from './src/models/index.js';
    await tf.setBackend('wasm');
    await tf.ready();
    ${code}`;
  const node = ['--import', 'tsx', '--input-type=module', '--eval', module];
  const out = execFileSync(process.execPath, node, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  return JSON.parse(out.trim().split('\n').at(-1) as string);
}

describe('the fused kernels', () => {
  it('are there once they are loaded, and operations of before are composed', () => {
    const told = printed(`
      const x = tf.ones([2, 2]);
      const before = [currentKernels().available, ...(await linear(x, x).data())];
      await loadKernels();
      console.log(JSON.stringify([before, [currentKernels().available, ...(await linear(x, x).data())]]));`);
    expect(told).toEqual([
      [false, 2, 2, 2, 2],
      [true, 2, 2, 2, 2],
    ]);
  });

  it('are loaded by a training', () => {
    const told = printed(`
      const policy = createTransformer({
        textVocabulary: 4, imageVocabulary: 4, imageLength: 2, endToken: 0, specialTokens: 1,
        width: 8, layers: 1, heads: 1, hidden: 8,
      });
      const rollout = oneLevelRollout({ policy, space: 'image', sampling: {}, context: (id) => ({ ids: Int32Array.of(id) }) });
      const reward = async (samples) => samples.map(({ tokens }) => score(tokens.token[0]));
      for await (const _ of train({ policy, rollout, reward, prompts: [1, 2], steps: 1, learningRate: 0.1, objective: t2iR1() }));
      console.log(JSON.stringify(currentKernels().available));`);
    expect(told).toBe(true);
  });

  it('know relaxed SIMD by one instruction of it', () => {
    const bytes = Uint8Array.from(atob(FMA_MODULE), (character) => character.charCodeAt(0));
    expect(hasRelaxedSimd()).toBe(WebAssembly.validate(bytes));
  });
});
