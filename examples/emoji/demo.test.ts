/** The README's first command, with tiny settings, on wasm. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bicot-demo-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Finished {
  readonly out: string;
  readonly status: number | null;
  readonly text: string;
}

function demo(name: string, ...flags: string[]): Promise<Finished> {
  const out = join(work, name);
  const settings = ['--backend', 'wasm', '--steps', '2', '--eval-prompts', '5', '--out', out];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'examples/emoji/demo.ts', ...settings, ...flags],
    {
      cwd: root,
    },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
  return new Promise((resolve) => child.on('close', (status) => resolve({ out, status, text })));
}

const read = (folder: string, file: string) => readFileSync(join(folder, file));
/** The lines of metrics.jsonl, byte for byte but for the timings. */
const lines = (folder: string): string[] =>
  read(folder, 'metrics.jsonl')
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.replace(/,"tokensPerSecond":.*$/, '}'));

describe('demo', { timeout: 300_000 }, () => {
  let first: Finished;
  beforeAll(async () => {
    first = await demo('first');
  }, 300_000);

  it('writes what it promises', () => {
    expect(first.text).toMatch(
      /^all( +[+\d.-]+){4} to [+-][\d.]+ {2}[01]\.\d{4}( +[+\d.-]+){4} to [+-][\d.]+$/m,
    );
    expect(first.text).toContain('bootstrap over 5 prompts');
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
    expect(lines(first.out)).toHaveLength(2);
    for (const line of lines(first.out)) {
      const { levels } = JSON.parse(line);
      expect(levels.semantic.maxRatioDeviation).toBeLessThan(1e-4);
      expect(levels.token.maxRatioDeviation).toBeLessThan(1e-4);
    }
  });

  it('repeats byte for byte with the same seed, and not with another', async () => {
    const again = await demo('again');
    const other = await demo('other', '--seed', '1');
    expect(lines(again.out)).toEqual(lines(first.out));
    expect(lines(again.out).join()).not.toContain('tokensPerSecond');
    expect(lines(other.out)).not.toEqual(lines(first.out));
    for (const file of ['before.png', 'after.png', 'model.safetensors']) {
      expect(read(again.out, file).equals(read(first.out, file))).toBe(true);
      expect(read(other.out, file).equals(read(first.out, file))).toBe(false);
    }
  });

  it('trains on the rewards that it is told to', async () => {
    const { out, status } = await demo('chosen', '--rewards', 'detector,quality=0.5');
    expect(status).toBe(0);
    for (const line of lines(out)) {
      const { reward } = JSON.parse(line);
      expect(Object.keys(reward.byMember)).toEqual(['detector', 'quality']);
      expect(reward.mean).toBeCloseTo(
        0.5 * reward.byMember.detector.mean + 0.5 * reward.byMember.quality.mean,
        6,
      );
    }
    expect(lines(out)).not.toEqual(lines(first.out));
  });

  it("reads T2I-R1's rows, keeps what it can draw and says why the others were left out", async () => {
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
    const { status, text, out } = await demo('file', '--prompts', path);
    expect(status).toBe(0);
    expect(text).toMatch(/kept 6 of 8 prompts/);
    expect(text).toMatch(/left out 1: task type texture/);
    expect(text).toMatch(/left out 1: a noun without a sprite/);
    const result = JSON.parse(read(out, 'result.json').toString());
    expect([result.promptsKept, result.promptsLeftOut]).toEqual([6, 2]);
  });

  it('fails with words and a non-zero status', async () => {
    const path = join(work, 'broken.jsonl');
    writeFileSync(path, '{"prompt": "a photo of a dog"}\n');
    const { status, text } = await demo('broken', '--prompts', path);
    expect(status).not.toBe(0);
    expect(text).toContain('broken.jsonl:1');
    expect(text.length, 'the message must not drown in a dump').toBeLessThan(4000);
    expect((await demo('backend', '--backend', 'abacus')).text).toMatch(/Unknown backend 'abacus'/);
    const unknown = await demo('rewards', '--rewards', 'detector,beauty');
    expect(unknown.status).not.toBe(0);
    expect(unknown.text).toMatch(
      /there is no reward 'beauty'. The rewards are detector, attribute, quality,/,
    );
  });
});
