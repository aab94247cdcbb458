/** The README, as somebody reads it: its commands and its code, copied into files, in an empty folder. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, expect } from '../tell.mjs';

const README = readFileSync(fileURLToPath(new URL('../../../README.md', import.meta.url)), 'utf8');

/** The block that begins after some words, and what it is to be saved as and run by, if the words say it. */
function block(language, words) {
  const at = README.indexOf(words);
  expect(at >= 0, `the README does not say "${words}"`);
  const found = README.slice(at).match(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'm'));
  expect(found, `there is no block of ${language} after "${words}"`);
  return found[1];
}

export async function checkReadme(tarball, { check }) {
  const folder = mkdtempSync(join(tmpdir(), 'bicot-readme-'));
  try {
    const installed = await check('README: npm i bicot @tensorflow/tfjs, in an empty folder', () => {
      const line = block('sh', '## The whole method in a page').trim();
      expect(line === 'npm i bicot @tensorflow/tfjs', `it says ${line}`);
      command(folder, 'npm', ['i', '--no-audit', '--no-fund', tarball, '@tensorflow/tfjs']);
    });
    if (!installed) return;
    await check('README: the whole method in a page prints what stands below it', () => {
      writeFileSync(
        join(folder, 'first.mjs'),
        block('js', 'Save this as `first.mjs` and run `node first.mjs`'),
      );
      const printed = command(folder, 'node', ['first.mjs']);
      const wanted = block('text', 'Three seconds later');
      expect(printed.endsWith(wanted), `it printed\n${printed}`);
    });
    await check('README: a model of one’s own keeps the contract', () => {
      writeFileSync(
        join(folder, 'model.mts'),
        block('ts', 'save it as `model.mts` and run `npx tsx model.mts`'),
      );
      const printed = command(folder, 'npx', ['--yes', 'tsx', 'model.mts']);
      expect(/^true \[/m.test(printed), printed);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
