/** Every option that may be left out says what happens then. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const src = fileURLToPath(new URL('../../src', import.meta.url));

/** Options that nobody misses: what is called, and what ends something. */
const isHook = (type: ts.TypeNode | undefined): boolean =>
  type !== undefined && (ts.isFunctionTypeNode(type) || type.getText() === 'AbortSignal');

/** Names of the options of `…Options` interfaces in a source, and those among them that say nothing of a default. */
function optionsIn(text: string): { readonly all: string[]; readonly silent: string[] } {
  const source = ts.createSourceFile('options.ts', text, ts.ScriptTarget.ES2022, true);
  const all: string[] = [];
  const silent: string[] = [];
  for (const node of source.statements) {
    if (!ts.isInterfaceDeclaration(node) || !node.name.text.endsWith('Options')) continue;
    if (!ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    const ofAll = /\bdefault\b.*every option/i.test(text.slice(node.pos, node.getStart()));
    for (const member of node.members) {
      if (!ts.isPropertySignature(member) || !member.questionToken || isHook(member.type)) continue;
      const name = `${node.name.text}.${member.name.getText()}`;
      all.push(name);
      const comment = text.slice(member.pos, member.getStart());
      if (!ofAll && !/\bdefaults?\b|\babsent\b/i.test(comment)) silent.push(name);
    }
  }
  return { all, silent };
}

/** Not public: what the commands and the parts of a step hand on. */
const OWN = ['TrainRunOptions.', 'RunOptions.', 'TrialOptions.', 'TaskOptions.', 'PassOptions.'];

describe('options', () => {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes('assembly'),
  );
  const found = files.map((path) => optionsIn(readFileSync(join(src, path), 'utf8')));

  it('say what their default is', () => {
    expect(found.flatMap(({ all }) => all).length).toBeGreaterThan(200);
    const silent = found.flatMap((options) => options.silent);
    expect(silent.filter((name) => !OWN.some((own) => name.startsWith(own)))).toEqual([]);
  });

  it('are found where they do not', () => {
    const text = `export interface AOptions { /** Often. */ readonly a?: number; /** Default 3. */ readonly b?: number; }`;
    expect(optionsIn(text)).toEqual({ all: ['AOptions.a', 'AOptions.b'], silent: ['AOptions.a'] });
  });
});
