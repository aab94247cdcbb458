/**
 * Makes the tables of docs/emojibench.md: prompts, how the corpus errs, and how the judge does.
 *
 *     npx tsx examples/emojibench/report.ts
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeFileAtomic } from 'bicot/node';
import { emojiBenchBlocks } from './blocks.js';
import { remade } from './paper/marked.js';

const file = fileURLToPath(new URL('../../docs/emojibench.md', import.meta.url));
const page = remade(readFileSync(file, 'utf8'), emojiBenchBlocks(), (key) => {
  throw new Error(`'${key}' means nothing on this page.`);
});
await writeFileAtomic(file, page);
console.log(`written: ${file}`);
