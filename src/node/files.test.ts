import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendJsonLine, readPromptFile, writeFileAtomic } from './files.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bicot-files-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('writeFileAtomic', () => {
  it('writes, replaces, and leaves no temporary file', async () => {
    const path = join(folder, 'made', 'on the way', 'a.bin');
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    await writeFileAtomic(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(await readdir(join(folder, 'made', 'on the way'))).toEqual(['a.bin']);
  });

  it('keeps the old state and cleans up when it cannot write', async () => {
    const path = join(folder, 'taken');
    await writeFileAtomic(join(path, 'inside'), 'x'); // a folder stands where the file should go
    await expect(writeFileAtomic(path, 'y')).rejects.toThrow();
    expect(await readFile(join(path, 'inside'), 'utf8')).toBe('x');
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('appendJsonLine', () => {
  it('adds one line per call, in order', async () => {
    const path = join(folder, 'log', 'metrics.jsonl');
    await appendJsonLine(path, { step: 1, note: 'two\nlines' });
    await appendJsonLine(path, { step: 2, kl: Number.NaN });
    expect(await readFile(path, 'utf8')).toBe('{"step":1,"note":"two\\nlines"}\n{"step":2,"kl":null}\n');
  });
});

describe('readPromptFile', () => {
  const row = { prompt: 'a photo of a dog', task_type: 'object', nouns: ['dog'] };

  it('reads rows', async () => {
    const path = join(folder, 'prompts.jsonl');
    await writeFileAtomic(path, `${JSON.stringify(row)}\n\n${JSON.stringify(row)}\n`);
    expect(await readPromptFile(path)).toEqual([row, row]);
  });

  it('names the file, and the line of a malformed row', async () => {
    const path = join(folder, 'bad.jsonl');
    await writeFileAtomic(path, `${JSON.stringify(row)}\n{"prompt": 3}\n`);
    await expect(readPromptFile(path)).rejects.toMatchObject({
      code: 'prompt-row',
      message: expect.stringContaining(`${path}:2`),
    });
    await expect(readPromptFile(join(folder, 'absent.jsonl'))).rejects.toMatchObject({
      code: 'value',
      message: expect.stringMatching(/absent\.jsonl.*ENOENT.*Pass the path/),
    });
  });
});
