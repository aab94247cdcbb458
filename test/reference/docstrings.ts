/**
 * What every docstring of the public API has to say, and `typedoc` does not ask for:
 * - a function that throws a BicotError in its own body, or calls a check that does, has `@throws`;
 * - a function that takes or gives a tensor says its shape, such as `[N, T]`, as do properties that are tensors.
 *
 *     npx tsx test/reference/docstrings.ts
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Something that a docstring leaves out. */
export interface DocstringFault {
  /** File and line. */
  readonly at: string;
  readonly name: string;
  readonly missing: 'docstring' | '@throws' | 'shape';
}

/** A shape in brackets, or words that say that there is none to give. */
const SHAPE = /`\[[^`]*\]`|\bscalars?\b|\bany shape\b|\bsame shape\b|\bshapes? of\b|\bas `\w+`/i;
/** Functions whose business is to throw. */
const CHECK = /^(?:assert|check|refuse|require)[A-Z]/;

type Documented = ts.Node & { readonly name?: ts.Node };

/** Faults of everything that the given entry points export. `text` stands for files that are not on the disk. */
export function docstringFaults(
  entries: readonly string[],
  text: Readonly<Record<string, string>> = {},
): DocstringFault[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => path in text || fileExists(path);
  host.readFile = (path) => text[path] ?? readFile(path);
  host.getSourceFile = (path, target) =>
    path in text
      ? ts.createSourceFile(path, text[path] as string, target, true)
      : getSourceFile(path, target);
  const program = ts.createProgram([...entries], options, host);
  const checker = program.getTypeChecker();
  const faults: DocstringFault[] = [];
  const seen = new Set<ts.Node>();
  for (const entry of entries) {
    const file = program.getSourceFile(entry);
    const module = file && checker.getSymbolAtLocation(file);
    if (!module) throw new Error(`${entry} is no module.`);
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      for (const declaration of symbol.declarations ?? []) {
        if (seen.has(declaration) || declaration.getSourceFile().fileName.includes('node_modules')) continue;
        seen.add(declaration);
        visit(declaration, symbol.name);
      }
    }
  }
  return faults;

  function visit(node: ts.Node, name: string): void {
    if (ts.isFunctionDeclaration(node)) examine(node, node, name);
    else if (ts.isVariableDeclaration(node) && node.initializer && isFunction(node.initializer)) {
      examine(node.parent.parent, node.initializer, name);
    } else if (ts.isInterfaceDeclaration(node)) members(node.members, name, docOf(node));
    else if (ts.isClassDeclaration(node)) members(node.members, name, docOf(node));
    else if (ts.isTypeAliasDeclaration(node)) {
      if (ts.isTypeLiteralNode(node.type)) members(node.type.members, name, docOf(node));
      if (ts.isFunctionTypeNode(node.type)) examine(node, node.type, name);
    }
  }

  function members(list: readonly ts.Node[], owner: string, around: string): void {
    for (const member of list) {
      const name = `${owner}.${(member as Documented).name?.getText() ?? 'call'}`;
      if (
        ts.isMethodSignature(member) ||
        ts.isMethodDeclaration(member) ||
        ts.isCallSignatureDeclaration(member)
      ) {
        examine(member, member, name);
      } else if (ts.isPropertySignature(member) && member.type) {
        if (ts.isFunctionTypeNode(member.type)) examine(member, member.type, name, around);
        else if (isTensor(checker.getTypeAtLocation(member.type)) && !SHAPE.test(docOf(member) + around)) {
          fault(member, name, 'shape');
        }
      }
    }
  }

  function examine(documented: ts.Node, of: ts.SignatureDeclaration, name: string, around = ''): void {
    const doc = docOf(documented);
    if (throws(of) && !doc.includes('@throws')) fault(documented, name, '@throws');
    const signature = checker.getSignatureFromDeclaration(of);
    const takes = of.parameters.some((parameter) => isTensor(checker.getTypeAtLocation(parameter)));
    const gives = signature !== undefined && isTensor(checker.getReturnTypeOfSignature(signature));
    if ((takes || gives) && !SHAPE.test(doc + around))
      fault(documented, name, doc === '' ? 'docstring' : 'shape');
  }

  /** A tensor, or an array, a promise or a choice of them. A variable has a shape of its own that nobody need be told. */
  function isTensor(type: ts.Type): boolean {
    if (type.isUnion()) return type.types.some(isTensor);
    const name = type.aliasSymbol?.name ?? type.symbol?.name;
    if (['Scalar', 'Variable'].includes(name ?? '')) return false;
    if (/^Tensor(?:[1-6]D)?$/.test(name ?? '')) return true;
    const inner = ['Array', 'ReadonlyArray', 'Promise'].includes(name ?? '')
      ? checker.getTypeArguments(type as ts.TypeReference)
      : [];
    return inner.some(isTensor);
  }

  function fault(node: ts.Node, name: string, missing: DocstringFault['missing']): void {
    const file = node.getSourceFile();
    const { line } = file.getLineAndCharacterOfPosition(node.getStart());
    faults.push({ at: `${relative(root, file.fileName)}:${line + 1}`, name, missing });
  }
}

const isFunction = (node: ts.Node): node is ts.ArrowFunction | ts.FunctionExpression =>
  ts.isArrowFunction(node) || ts.isFunctionExpression(node);

function docOf(node: ts.Node): string {
  const source = node.getSourceFile().text;
  const comments = ts.getLeadingCommentRanges(source, node.getFullStart()) ?? [];
  const last = comments.at(-1);
  const text = last ? source.slice(last.pos, last.end) : '';
  return text.startsWith('/**') ? text : '';
}

/** Whether a function's own body, but no function within it, throws a BicotError or calls a check. */
function throws(of: ts.SignatureDeclaration): boolean {
  const { body } = of as ts.FunctionLikeDeclaration;
  let found = false;
  const walk = (node: ts.Node): void => {
    if (found || ts.isFunctionLike(node)) return;
    if (ts.isThrowStatement(node) && /new BicotError/.test(node.getText())) found = true;
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && CHECK.test(node.expression.text))
      found = true;
    ts.forEachChild(node, walk);
  };
  if (body) ts.forEachChild(body, walk);
  return found;
}

/** The entry points that are documented, as typedoc.json names them. */
export function documentedEntries(): string[] {
  const { entryPoints } = JSON.parse(readFileSync(join(root, 'typedoc.json'), 'utf8')) as {
    entryPoints: string[];
  };
  return entryPoints.map((path) => join(root, path));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = docstringFaults(documentedEntries());
  for (const { at, name, missing } of faults) console.log(`${at}: ${name} has no ${missing}`);
  console.log(`${faults.length} docstrings leave something out`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
