import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const CHECK: string = './packages/checks/no-any.mjs';
const { anyIn } = (await import(CHECK)) as {
  anyIn: (files: string[], folder: string) => { found: string[]; looked: number };
};

it('the check of public types finds any, written and not, and names that are not there', () => {
  const cache = fileURLToPath(new URL('../.cache', import.meta.url));
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'any-'));
  const file = join(folder, 'index.d.ts');
  try {
    writeFileSync(
      file,
      `import { missing } from './nowhere.js';
export declare function f(x: Record<string, any>): void;
export declare function g(x): void;
export declare const sound: (y: number) => readonly string[];
export interface A { readonly of: typeof missing }
`,
    );
    const { found, looked } = anyIn([file], folder);
    expect(looked).toBe(1);
    expect(found).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^index\.d\.ts:2 any in/),
        expect.stringMatching(/^index\.d\.ts:3 any in .*g\(x\)/),
        expect.stringMatching(/^index\.d\.ts:1 Cannot find module '\.\/nowhere\.js'/),
      ]),
    );
    expect(found.filter((line) => line.startsWith('index.d.ts:4'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
