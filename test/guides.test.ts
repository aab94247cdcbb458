/** The guides: their code runs as it stands, and prints what they say that it prints. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RUN_GRPO } from '../examples/janus-t2i-r1.js';
import { conceptPictures, FOLDER } from './reference/concept-pictures.js';
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

/** Where every line that is printed has a comment beside it, `console.log(x); // 0.5`, it says what is printed, or begins with it. */
function expectComments(module: string, shown: string): void {
  const said = [...module.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map((found) => found[1] as string);
  const lines = shown.trimEnd().split('\n');
  if (said.length === 0) return;
  expect(lines).toHaveLength(said.length);
  lines.forEach((line, i) => {
    const comment = said[i] as string;
    if (!comment.startsWith(line)) expect(difference(line, comment)).toBeUndefined();
  });
}

const whole = blocks.filter(({ page, goesOn }) => !(page in ELSEWHERE) && !goesOn);

describe('code in the guides and on other pages', () => {
  const run = whole.filter(({ mark }) => !mark);
  it.each(run.map((block, at) => [block.page, at, block] as const))(
    '%s runs, and prints what it says: block %i',
    async (_, __, { module, prints }) => {
      const shown = await printed(module);
      if (prints.length > 0) expect(difference(shown, prints.join(''))).toBeUndefined();
      else expectComments(module, shown);
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

/** Rows of a page's tables, cell by cell; a `|` within code is written `\\|`. */
const rowsOf = (page: string): string[][] =>
  [...read(page).matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) =>
    row.split(/(?<!\\)\|/).map((cell) => cell.trim()),
  );
const codeIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string);
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');
const isWord = (name: string, text: string) => new RegExp(`\\b${name}\\b`).test(text);

describe('from the paper to the code', () => {
  const page = 'docs/guides/paper-to-code.md';
  const placed = rowsOf(page)
    .map((cells) => ({
      cells,
      files: [...cells.join('|').matchAll(/\]\(([^)#]+\.ts)\)/g)].map(([, path]) => path as string),
    }))
    .filter(({ files }) => files.length > 0);

  it('names files that exist, and names that are in them', () => {
    expect(placed.length).toBeGreaterThan(45);
    let found = 0;
    for (const { cells, files } of placed) {
      const text = files.map((path) => readFileSync(join(root, 'docs/guides', path), 'utf8')).join('\n');
      // The table of deviations has five columns, and the last one is the way back.
      const names = cells.length === 5 ? [] : codeIn(cells.at(-1) ?? '').slice(0, 1);
      for (const name of names) {
        expect(isWord(name, text), `${files}: ${name}`).toBe(true);
        found++;
      }
    }
    expect(found).toBeGreaterThan(20);
  });

  it('has every step of the algorithm, in order', () => {
    const steps = placed.map(({ cells }) => Number(cells[0])).filter((step) => step > 0);
    expect(steps).toEqual(Array.from({ length: 17 }, (_, i) => i + 1));
  });

  it('has the settings of the released run', () => {
    const told = rowsOf(page)
      .map((cells) => cells.join(' '))
      .join('\n');
    const flags = {
      'G 8 `': RUN_GRPO['group-size'],
      'steps 1600': RUN_GRPO.steps,
      'learning rate 1e-6': RUN_GRPO.lr,
    };
    expect(flags).toEqual({ 'G 8 `': 8, 'steps 1600': 1600, 'learning rate 1e-6': 1e-6 });
    for (const text of Object.keys(flags)) expect(told).toContain(text);
    expect([RUN_GRPO.beta, RUN_GRPO.guidance, RUN_GRPO['prompts-per-step']]).toEqual([0.01, 5, 16]);
  });
});

describe('migrating from TRL', () => {
  const page = 'docs/guides/migrating-from-trl.md';
  const { options } = JSON.parse(
    readFileSync(join(root, 'test/fixtures/trl-1.13-grpo-options.json'), 'utf8'),
  ) as {
    options: Record<string, string>;
  };
  const [, table = ''] = read(page).split('## Option by option');
  const [ofGrpo = ''] = table.split('Of the many fields');
  const told = [...ofGrpo.matchAll(/^\| `(\w+)` \| (.*?) \| .+ \|$/gm)].map(([, trl = '', bicot = '']) => ({
    trl,
    bicot,
  }));

  it('has every option of TRL once, and no other', () => {
    expect(Object.keys(options).length).toBe(85);
    expect(told.map(({ trl }) => trl).sort()).toEqual(Object.keys(options).sort());
  });

  it('names options and functions that exist here', () => {
    for (const { trl, bicot } of told) {
      if (bicot === 'not there') continue;
      const names = codeIn(bicot);
      expect(names.length, trl).toBeGreaterThan(0);
      for (const name of names) expect(isWord(name, sources), `${trl}: ${name}`).toBe(true);
    }
    expect(isWord('notAnOptionOfAnything', sources)).toBe(false);
  });
});

describe('troubleshooting', () => {
  const text = read('docs/guides/troubleshooting.md');
  const unionOf = (path: string, name: string): string[] => {
    const source = readFileSync(join(root, path), 'utf8');
    const [union = ''] = source.match(new RegExp(`export type ${name} =[^;]*;`)) ?? [];
    return [...union.matchAll(/'([\w-]+)'/g)].map(([, code]) => code as string);
  };

  it('has an entry for every finding, and no other', () => {
    const codes = unionOf('src/train/findings.ts', 'FindingCode');
    expect(codes.length).toBeGreaterThan(20);
    expect([...text.matchAll(/^### ([\w-]+)$/gm)].map(([, code]) => code).sort()).toEqual(codes.sort());
  });

  it('has every code of an error', () => {
    const [, errors = ''] = text.split('## Errors');
    const codes = unionOf('src/errors.ts', 'BicotErrorCode');
    expect([...errors.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, code]) => code).sort()).toEqual(codes.sort());
  });
});

describe('other pages', () => {
  it('have the memory of Janus that is computed', () => {
    const row = rowsOf('docs/models/janus.md').find(([first]) => first === '**at most**') ?? [];
    const numbers = row.slice(1).map((cell) => cell.replaceAll('*', ''));
    const guide = rowsOf('docs/guides/janus-on-a-gpu.md')
      .slice(2, 6)
      .map(([, memory]) => memory?.replace(' GB', ''));
    expect(numbers).toHaveLength(4);
    const [wholeSmall, smallLora, wholeLarge, largeLora] = numbers;
    expect(guide).toEqual([smallLora, wholeSmall, largeLora, wholeLarge]);
  });

  it('have pictures that are drawn now', async () => {
    for (const [file, svg] of Object.entries(await conceptPictures())) {
      expect(readFileSync(join(FOLDER, file), 'utf8')).toBe(svg);
      expect(read('docs/guides/concepts.md')).toContain(`(../images/concepts/${file})`);
    }
  });
});

it('knows pages that exist', () => {
  expect(pages).toEqual(expect.arrayContaining(Object.keys(ELSEWHERE)));
  expect(root).toContain('/');
});
