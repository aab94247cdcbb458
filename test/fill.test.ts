/** Fills the text fences: PAGE=docs/guides/x.md npx vitest run test/fill.test.ts */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { it } from 'vitest';
import { blocksOf, printed, read, root, typeErrors } from './support/doc-blocks.js';
const page = process.env.PAGE as string;
it('fills', async () => {
  const errors = typeErrors(blocksOf(page, read(page)).map(({ module }) => module));
  errors.forEach((e, i) => { if (e.length) console.info('BLOCK', i, e); });
  process.chdir(mkdtempSync(join(tmpdir(), 'bicot-fill-')));
  let before = '';
  const list = blocksOf(page, read(page));
  const outs: (string | undefined)[] = [];
  for (const [i, block] of list.entries()) {
    if (block.mark) { outs.push(undefined); continue; }
    const continued = i > 0 && list[i - 1]?.goesOn;
    const whole = await printed(block.module);
    outs.push(continued ? whole.slice(before.length) : whole);
    before = whole;
  }
  let at = -1;
  const source = readFileSync(join(root, page), 'utf8');
  const filled = source.replace(/^```ts(?: (\w+))?\n([\s\S]*?)^```$((?:\s*^```text\n)([\s\S]*?)^```$)?/gm, (all, _w, _t, fence) => {
    at++;
    if (!fence) { if (outs[at]) console.info('no fence for', at, outs[at]); return all; }
    return all.slice(0, all.length - fence.length) + '\n\n```text\n' + (outs[at] ?? '') + '```';
  });
  writeFileSync(join(root, page), filled);
  console.info(outs.join('\n----\n'));
}, 600000);
