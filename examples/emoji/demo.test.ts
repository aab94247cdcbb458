/** The README's first command, with tiny settings, on wasm. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bicot-demo-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function demo(name: string, ...flags: string[]): { out: string; status: number | null; text: string } {
  const out = join(work, name);
  const args = [
    'examples/emoji/demo.ts',
    '--backend',
    'wasm',
    '--steps',
    '2',
    '--eval-prompts',
    '5',
    '--out',
    out,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', ...args, ...flags], {
    cwd: root,
    encoding: 'utf8',
  });
  return { out, status, text: stdout + stderr };
}

const read = (folder: string, file: string) => readFileSync(join(folder, file));
/** Metrics lines without their timings. */
const metrics = (folder: string) =>
  read(folder, 'metrics.jsonl')
    .toString()
    .trim()
    .split('\n')
    .map((line) => {
      const { seconds: _, tokensPerSecond: __, ...rest } = JSON.parse(line);
      return rest;
    });

describe('demo', () => {
  const first = demo('first');

  it('writes what it promises', () => {
    expect(first.text).toContain('held-out judge');
    expect(first.status).toBe(0);
    const result = JSON.parse(read(first.out, 'result.json').toString());
    for (const part of ['before', 'after']) {
      expect(result[part].overall).toBeGreaterThan(0);
      expect(result[part].overall).toBeLessThanOrEqual(100);
      expect(Object.keys(result[part].byTask).sort()).toEqual([
        'color',
        'numeracy',
        'object',
        'reasoning',
        'spatial',
      ]);
      expect(result.heldOutJudge[part]).toBeGreaterThanOrEqual(0);
    }
    expect(result).toMatchObject({ steps: 2, backend: 'wasm', promptsLeftOut: 0 });
    expect(result.promptsKept).toBeGreaterThan(100);
    expect(Number.isFinite(result.klToBase)).toBe(true);
    expect(read(first.out, 'before.png').subarray(1, 4).toString()).toBe('PNG');
    expect(read(first.out, 'model.safetensors').length).toBeGreaterThan(1e6);
    expect(JSON.parse(read(first.out, 'config.json').toString())).toMatchObject({ steps: 2 });
  });

  it('samples what it trains: ratios are 1 before the first update of every step, at both levels', () => {
    for (const { levels } of metrics(first.out)) {
      expect(levels.semantic.maxRatioDeviation).toBeLessThan(1e-4);
      expect(levels.token.maxRatioDeviation).toBeLessThan(1e-4);
    }
  });

  it('repeats byte for byte with the same seed, and not with another', () => {
    const again = demo('again');
    const other = demo('other', '--seed', '1');
    expect(metrics(again.out)).toEqual(metrics(first.out));
    expect(metrics(other.out)).not.toEqual(metrics(first.out));
    for (const file of ['before.png', 'after.png', 'model.safetensors']) {
      expect(read(again.out, file).equals(read(first.out, file))).toBe(true);
      expect(read(other.out, file).equals(read(first.out, file))).toBe(false);
    }
  });

  it("reads T2I-R1's rows, keeps what it can draw and says why the others were left out", () => {
    const rows = [
      {
        prompt: 'a photo of a banana above a bed',
        task_type: 'spatial',
        nouns: ['banana', 'bed'],
        spatial_info: { obj1: 'banana', obj2: 'bed', locality: 'above' },
      },
      {
        prompt: 'a photo of three dogs',
        task_type: 'numeracy',
        nouns: ['dog'],
        numeracy_info: [{ obj_name: 'dog', num: 3 }],
      },
      { prompt: 'a fabric towel', task_type: 'texture', nouns: ['towel'], attr_nouns: ['fabric towel'] },
      { prompt: 'a photo of a unicorn', task_type: 'object', nouns: ['unicorn'] },
      ...['dog', 'cat', 'bus', 'clock'].map((noun) => ({
        prompt: `a photo of a ${noun}`,
        task_type: 'object',
        nouns: [noun],
      })),
    ];
    const path = join(work, 'prompts.jsonl');
    writeFileSync(path, rows.map((row) => JSON.stringify(row)).join('\n'));
    const { status, text, out } = demo('file', '--prompts', path);
    expect(status).toBe(0);
    expect(text).toMatch(/kept \d of 8 prompts/);
    expect(text).toMatch(/left out 1: task type texture/);
    expect(text).toMatch(/left out 1: a noun without a sprite/);
    const result = JSON.parse(read(out, 'result.json').toString());
    expect(result.promptsKept + result.promptsLeftOut).toBe(8);
  });

  it('fails with words and a non-zero status', () => {
    const path = join(work, 'broken.jsonl');
    writeFileSync(path, '{"prompt": "a photo of a dog"}\n');
    const { status, text } = demo('broken', '--prompts', path);
    expect(status).not.toBe(0);
    expect(text).toContain('broken.jsonl:1');
    expect(demo('backend', '--backend', 'abacus').text).toMatch(/Unknown backend 'abacus'/);
  });
});
