import { readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { main } from './main.js';

it('the help of bicot demo has the options of the demo, and no other', async () => {
  const lines: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
  expect(await main(['demo', '--help'])).toBe(0);
  log.mockRestore();
  const source = readFileSync(new URL('../../../examples/emoji/demo.ts', import.meta.url), 'utf8');
  const [, options = ''] = /parseArgs\(\{\n {2}options: \{\n([\s\S]*?)\n {2}\},/.exec(source) ?? [];
  const names = [...options.matchAll(/^ {4}'?([\w-]+)'?: \{ type/gm)].map((found) => found[1]);
  const told = [...lines.join('\n').matchAll(/^ {2}--([\w-]+)/gm)].map((found) => found[1]);
  expect(names).toContain('shuffle-rewards');
  expect(told.sort()).toEqual([...names, 'help'].sort());
});
