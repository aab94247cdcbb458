/** The guides: their code runs as it stands, and prints what they say that it prints. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blocks, blocksOf, difference, pages, printed, read, root } from './support/doc-blocks.js';

const guides = pages.filter((page) => page.startsWith('docs/guides/'));
/** Pages whose code is run by tests of their own, with the care that it needs. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'README.md': 'test/docs.test.ts',
  'docs/browser.md': 'test/docs.test.ts',
  'docs/checkpoints.md': 'test/docs.test.ts',
  'docs/doctor.md': 'test/docs.test.ts',
  'docs/evaluation.md': 'test/docs.test.ts',
  'docs/objectives.md': 'test/docs.test.ts',
  'docs/parallel.md': 'test/docs.test.ts',
  'docs/models/janus.md': 'test/docs.test.ts',
  'docs/models/llamagen.md': 'test/docs.test.ts',
  'docs/rewards/README.md': 'test/docs.test.ts',
  'docs/rewards/http.md': 'test/docs.test.ts',
  'docs/metrics.md': 'test/metrics-page.test.ts',
  'docs/rewards/vision.md': 'test/packages/vision/docs.test.ts',
  'docs/rewards/t2i-r1.md': 'test/packages/vision/docs.test.ts',
};

/** A folder of its own for what code writes. */
let folder = '';
const before = process.cwd();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-guides-'));
  process.chdir(folder);
});
afterEach(async () => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
  await tf.setBackend('wasm');
});

const whole = blocks.filter(({ page, goesOn }) => !(page in ELSEWHERE) && !goesOn);

describe('code in the guides and on other pages', () => {
  const run = whole.filter(({ mark }) => !mark);
  it.each(run.map((block, at) => [block.page, at, block] as const))(
    '%s runs, and prints what it says: block %i',
    async (_, __, { module, prints }) => {
      const shown = await printed(module);
      if (prints.length > 0) expect(difference(shown, prints.join(''))).toBeUndefined();
    },
    180_000,
  );

  it('says what it prints in every guide, if it prints anything', () => {
    const silent = whole.filter(
      ({ page, module, prints, mark }) =>
        guides.includes(page) && !mark && module.includes('console.log(') && prints.length === 0,
    );
    expect(silent.map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
  });

  it('says in its first line what it needs, where it is not run', () => {
    const NEEDS = { gpu: /^\/\/ Needs a GPU/, weights: /^\/\/ Needs (?:a GPU and )?the weights/ };
    for (const { mark, text } of blocks) if (mark) expect(text).toMatch(NEEDS[mark]);
    expect(blocks.filter(({ page, mark }) => mark && !guides.includes(page))).toEqual([]);
  });

  it('can be copied from the quick start and from "bring your own model" as it stands', () => {
    for (const page of ['docs/guides/quick-start.md', 'docs/guides/bring-your-own-model.md']) {
      const [first] = blocksOf(page, read(page));
      expect(first?.module).not.toContain('./support/');
    }
    const [model] = blocksOf('', read('docs/guides/bring-your-own-model.md'));
    expect(model?.text.trim().split('\n').length).toBeLessThanOrEqual(60);
  });
});

describe('the comparison of what is printed', () => {
  it.each([
    ['step 20: reward 0.31', 'step 20: reward 0.31', true],
    ['step 20: reward 0.31', 'step 20: reward 0.32', true],
    ['step 20: reward 0.31', 'step 20: reward 0.34', false],
    ['step 20: reward 0.31', 'step 21: reward 0.31', false],
    ['step 20: reward 0.31', 'step 20: return 0.31', false],
    ['12345.6', '12346.4', true],
    ['1.2e-5', '1.3e-5', true],
    ['1.2e-5', '1.2e-4', false],
    ['a\nb', 'a', false],
    ['NaN', '0.5', false],
  ] as const)('of %j with %j is %j', (actual, expected, same) => {
    expect(difference(actual, expected) === undefined).toBe(same);
  });
});

describe('blocks', () => {
  const page = [
    '```ts\nconst a = 1;\nconsole.log(a);\n```',
    '```text\n1\n```',
    'Words.',
    '```ts continued\nconsole.log(a + 1);\n```\n\n```text\n2\n```',
    '```ts gpu\n// Needs a GPU\n```',
  ].join('\n\n');

  it('go on, are marked and say what they print', async () => {
    const [first, second, third] = blocksOf('page', page);
    expect(first).toMatchObject({ goesOn: true, prints: ['1\n'] });
    expect(second).toMatchObject({ goesOn: false, prints: ['1\n', '2\n'] });
    expect(third).toMatchObject({ mark: 'gpu', prints: [] });
    expect(await printed(second?.module ?? '')).toBe('1\n2\n');
  });

  it('with a word that means nothing are refused', () => {
    expect(() => blocksOf('page', '```ts gup\n```')).toThrow('nobody knows what ```ts gup means');
  });
});

it('knows pages that exist', () => {
  expect(pages).toEqual(expect.arrayContaining(Object.keys(ELSEWHERE)));
  expect(root).toContain('/');
});
