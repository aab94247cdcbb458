/**
 * No `any` in the public types: neither written, nor what TypeScript makes of a name that it does not find.
 *
 *     node test/packages/checks/no-any.mjs     after `npm run build`
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { entryPoints, root } from './package.mjs';

const ts = createRequire(join(root, 'package.json'))('typescript');

/** Where a program's files in `folder` say `any`, and what in them does not compile, as lines to print. */
export function anyIn(files, folder) {
  const options = {
    ...{ strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    ...{
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
      types: ['node'],
    },
    typeRoots: [join(root, 'node_modules/@types')],
  };
  const program = ts.createProgram(files, options);
  program.getTypeChecker(); // so that nodes know their parents
  const own = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(folder));
  const found = [];
  for (const file of own) {
    const at = (position) => {
      const { line } = file.getLineAndCharacterOfPosition(position);
      return `${file.fileName.slice(folder.length + 1)}:${line + 1}`;
    };
    const visit = (node) => {
      // Also `declare function f(x);`, whose parameter is one without saying so.
      const untyped =
        (ts.isParameter(node) || ts.isVariableDeclaration(node) || ts.isPropertySignature(node)) &&
        !node.type &&
        !node.initializer;
      if (node.kind === ts.SyntaxKind.AnyKeyword || untyped) {
        found.push(`${at(node.getStart(file))} any in ${node.parent.getText(file).slice(0, 100)}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
    for (const { start, messageText } of program.getSemanticDiagnostics(file)) {
      found.push(`${at(start ?? 0)} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
    }
  }
  return { found, looked: own.length };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = entryPoints().flatMap(({ types }) => [types, types.replace(/\.ts$/, '.cts')]);
  const { found, looked } = anyIn(
    files.map((file) => join(root, file)),
    join(root, 'dist'),
  );
  console.log(`${found.length > 0 ? 'not ok' : 'ok'} - no any in the public types (${looked} files)`);
  for (const line of found) console.log(`  ${line}`);
  process.exit(found.length > 0 ? 1 : 0);
}
