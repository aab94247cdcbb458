/** The check of the built site finds links that lead nowhere. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from './support/doc-blocks.js';

const folder = mkdtempSync(join(tmpdir(), 'bicot-site-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('follows links to pages, to places in them and to files', () => {
  const links = [
    'a.html',
    'a.html#here',
    '#top',
    'https://elsewhere.invalid/x',
    'sub/picture.png',
    'a.html#gone',
    'b.html',
    '#lost',
  ];
  const page = (list: readonly string[]) =>
    `<h1 id="top">x</h1><pre><a class="x" href="in-code.html">code</a></pre>${list.map((to) => `<a class="x" href="${to}">x</a>`).join('')}<img class="y" src="no.png">`;
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'sub', 'picture.png'), '');
  writeFileSync(join(folder, 'index.html'), page(links));
  writeFileSync(join(folder, 'a.html'), '<p id="here">x</p>');
  const { stdout, status } = spawnSync('node', [join(root, 'test/packages/checks/site/links.mjs'), folder], {
    encoding: 'utf8',
  });
  expect(stdout.trim().split('\n')).toEqual([
    'dead: index.html: a.html#gone',
    'dead: index.html: b.html',
    'dead: index.html: #lost',
    'dead: index.html: no.png',
    '8 links on 2 pages, 4 dead',
  ]);
  expect(status).toBe(1);
});
