/** `npm run demo:pretrain`, with tiny settings, on wasm. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadEmojiModel } from './model-file.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bicot-pretrain-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function pretrain(name: string, ...flags: string[]): { folder: string; text: string; status: number | null } {
  const folder = join(work, name);
  const settings = ['--backend', 'wasm', '--steps', '10', '--batch', '2', '--work', folder, '--out', folder];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'examples/emoji/pretrain.ts', ...settings, ...flags],
    { cwd: root, encoding: 'utf8' },
  );
  return { folder, text: stdout + stderr, status };
}

describe('pre-training', () => {
  it('goes on after an interruption as if there had been none, and writes a model that loads', async () => {
    const whole = pretrain('whole');
    expect(whole.text).toContain('wrote');
    expect(pretrain('parts', '--until', '4').text).toContain('saved at step 4 of 10');
    const parts = pretrain('parts');
    expect(parts.text).toContain('steps 4 to 10');
    const file = (folder: string) => readFileSync(join(folder, 'model.safetensors'));
    expect(file(parts.folder).equals(file(whole.folder))).toBe(true);
    const { model, codebook } = await loadEmojiModel(whole.folder);
    expect(codebook.size).toBe(503);
    model.dispose();
  });

  it('refuses to go on with other settings', () => {
    const { text, status } = pretrain('whole', '--seed', '9');
    expect(status).not.toBe(0);
    expect(text).toContain('was made with seed 1, not 9');
  });
});
