/**
 * The code in README.md and docs/: found, type-checked under the project's own settings, and run.
 *
 * A fence's language may be followed by one word: `ts continued` goes on where the block before it ended, and `ts gpu` or
 * `ts weights` needs a GPU or weights that no test has, so that it is only type-checked. A `text` fence right after a block is
 * what it prints.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import * as bicot from 'bicot';
import * as browser from 'bicot/browser';
import * as demo from 'bicot/demo';
import * as distributed from 'bicot/distributed';
import * as models from 'bicot/models';
import * as janus from 'bicot/models/janus';
import * as llamagen from 'bicot/models/llamagen';
import * as node from 'bicot/node';
import * as http from 'bicot/rewards/http';
import * as transformers from 'bicot/rewards/transformers';
import ts from 'typescript';
import { vi } from 'vitest';
import * as standIns from './readme.js';

export { typeErrors } from './type-errors.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every page, by its path from the root. */
export const pages: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md') && !path.startsWith('docs/api'));

export const read = (page: string): string => readFileSync(join(root, page), 'utf8');

/** What a block may use without declaring it. */
const STAND_INS = Object.keys(standIns);

/** Words after `ts` that say why a block is not run. */
export type Mark = 'gpu' | 'weights';

export interface Block {
  readonly page: string;
  readonly text: string;
  /** All that runs: with the blocks that it continues, and an import of the stand-ins that it does not make itself. */
  readonly module: string;
  /** Why it is only type-checked. */
  readonly mark?: Mark;
  /** Whether the next block goes on with it, and runs it, too. */
  readonly goesOn: boolean;
  /** What `text` fences say that the module prints, in order. */
  readonly prints: readonly string[];
}

/** A fence, and the `text` fence after it, if nothing else is between them. */
const FENCES = /^```ts(?: (\w+))?\n([\s\S]*?)^```$(?:\s*^```text\n([\s\S]*?)^```$)?/gm;

/** The TypeScript of a page, from top to bottom. */
export function blocksOf(page: string, source: string): Block[] {
  const found: { text: string; whole: string; mark?: Mark; continues: boolean; prints: string[] }[] = [];
  for (const [, word, text = '', output] of source.matchAll(FENCES)) {
    if (word !== undefined && !['continued', 'gpu', 'weights'].includes(word)) {
      throw new Error(`${page}: nobody knows what \`\`\`ts ${word} means.`);
    }
    const continues = word === 'continued';
    const before = continues ? found.at(-1) : undefined;
    if (continues && !before) throw new Error(`${page}: the first block continues nothing.`);
    const mark = word === 'gpu' || word === 'weights' ? word : before?.mark;
    const prints = [...(before?.prints ?? []), ...(output === undefined ? [] : [output])];
    found.push({ text, whole: `${before?.whole ?? ''}${text}`, ...(mark && { mark }), continues, prints });
  }
  return found.map(({ text, whole, mark, prints }, at) => ({
    ...{ page, text, prints, module: withStandIns(whole) },
    ...(mark && { mark }),
    goesOn: found[at + 1]?.continues ?? false,
  }));
}

function withStandIns(text: string): string {
  const used = STAND_INS.filter((name) => new RegExp(`(?<![.'])\\b${name}\\b(?!:)`).test(text));
  const missing = used.filter((name) => !new RegExp(`\\b(?:const|function) ${name}\\b`).test(text));
  const imported = missing.length > 0 ? `import { ${missing.join(', ')} } from './support/readme.js';\n` : '';
  return `${imported}${text}\nexport {};\n`;
}

export const blocks: readonly Block[] = pages.flatMap((page) => blocksOf(page, read(page)));

const MODULES: Record<string, unknown> = {
  '@tensorflow/tfjs': tf,
  bicot,
  'bicot/browser': browser,
  'bicot/distributed': distributed,
  'bicot/demo': demo,
  'bicot/models': models,
  'bicot/models/janus': janus,
  'bicot/models/llamagen': llamagen,
  'bicot/node': node,
  'bicot/rewards/http': http,
  'bicot/rewards/transformers': transformers,
  './support/readme.js': standIns,
};

/** Runs a block as a module and gives the names asked for. */
export async function run(module: string, names: readonly string[] = []): Promise<Record<string, unknown>> {
  const { outputText } = ts.transpileModule(`${module}export { ${names.join(', ')} };`, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exports: Record<string, unknown> = {};
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const load = (name: string): unknown => {
    if (name.startsWith('node:')) return process.getBuiltinModule(name);
    if (name in MODULES) return MODULES[name];
    throw new Error(`There is no module ${name} for the code in the documents.`);
  };
  await new AsyncFunction('require', 'exports', outputText)(load, exports);
  return exports;
}

/** Runs a module and gives what it prints, as a terminal shows it. */
export async function printed(module: string): Promise<string> {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    await run(module);
    const shown = (value: unknown) => (typeof value === 'string' ? value : inspect(value));
    return log.mock.calls.map((values) => `${values.map(shown).join(' ')}\n`).join('');
  } finally {
    log.mockRestore();
  }
}

const NUMBER = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;

/**
 * Where a text differs from what it should be: words must be the same, numbers within one unit of the last digit that is written,
 * or 1e-4 of the number. Spaces at the end of a line do not count.
 */
export function difference(actual: string, expected: string): string | undefined {
  const [shown, wanted] = [actual, expected].map((text) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.trimEnd()),
  );
  if (shown?.length !== wanted?.length)
    return `${shown?.length} lines instead of ${wanted?.length}:\n${actual}`;
  const wrong = wanted?.findIndex((line, at) => !sameLine(shown?.[at] ?? '', line)) ?? -1;
  return wrong < 0 ? undefined : `line ${wrong + 1} is\n${shown?.[wrong]}\nand should be\n${wanted?.[wrong]}`;
}

function sameLine(actual: string, expected: string): boolean {
  const words = (line: string) => line.replace(NUMBER, '#').replace(/\s+/g, ' ');
  if (words(actual) !== words(expected)) return false;
  const numbers = (line: string) => line.match(NUMBER) ?? [];
  const shown = numbers(actual);
  return numbers(expected).every((text, at) => {
    const [mantissa = '', exponent = '0'] = text.split('e');
    const digit = 10 ** (Number(exponent) - (mantissa.split('.')[1]?.length ?? 0));
    const whole = Number.isInteger(Number(text)) && !text.includes('.') && !text.includes('e');
    const allowed = whole ? 0 : Math.max(1.01 * digit, 1e-4 * Math.abs(Number(text)));
    return Math.abs(Number(shown[at]) - Number(text)) <= allowed;
  });
}
