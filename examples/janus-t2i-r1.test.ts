import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { loadJanus } from 'bicot/models/janus';
import { decodePng } from 'bicot/node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main, RUN_GRPO } from './janus-t2i-r1.js';

describe('examples/janus-t2i-r1', () => {
  let out: string;
  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'janus-'));
    vi.spyOn(console, 'log').mockImplementation(() => {});
  });
  afterAll(() => {
    rmSync(out, { recursive: true, force: true });
    vi.restoreAllMocks();
  });

  it("has the settings of the paper's script", () => {
    expect(RUN_GRPO).toMatchObject({
      ...{ steps: 1600, 'prompts-per-step': 16, 'group-size': 8, lr: 1e-6, beta: 0.01, guidance: 5 },
      ...{ 'plan-tokens': 1024, 'max-grad-norm': 1, seed: 42, save: 400 },
    });
  });

  for (const rank of [0, 2]) {
    it(`trains the tiny Janus and saves what it learnt, rank ${rank}`, async () => {
      const folder = join(out, `rank-${rank}`);
      const history = await main({ tiny: true, rank, out: folder, backend: 'wasm' });
      const left = tf.memory().numTensors;
      expect(history).toHaveLength(2);
      for (const { gradNorm, levels } of history) {
        expect(gradNorm).toBeGreaterThan(0);
        expect(Object.keys(levels)).toEqual(['semantic', 'token']);
      }
      expect(readdirSync(folder).filter((name) => !name.startsWith('events.out'))).toEqual([
        ...[
          'checkpoints',
          'config.json',
          'metrics.jsonl',
          'model',
          'pictures',
          'pictures.jsonl',
          'report.html',
        ],
      ]);
      expect(readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
      const pictures = readdirSync(join(folder, 'pictures'));
      const { width } = decodePng(readFileSync(join(folder, 'pictures', pictures[0] as string)));
      expect(width).toBe(16);
      const saved = join(folder, 'model');
      const base = new URL('../test/fixtures/janus/original', import.meta.url).pathname;
      const model = rank > 0 ? await loadJanus(base, { adapters: saved }) : await loadJanus(saved);
      expect(existsSync(join(saved, 'adapter_config.json'))).toBe(rank > 0);
      if (rank > 0) {
        const up = Object.entries(model.variables).find(([name]) => name.endsWith('lora_B'))?.[1];
        expect((await (up as tf.Variable).data()).some((value) => value !== 0)).toBe(true);
      }
      model.dispose();
      expect(tf.memory().numTensors).toBe(left);
    });
  }

  it('says what it lacks', async () => {
    await expect(main({ out })).rejects.toThrow(/--model DIR, or try --tiny/);
    await expect(main({ out, model: 'x' })).rejects.toThrow(/--reward/);
  });
});
