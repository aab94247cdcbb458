/**
 * Bundles the report's page into ../bundle/page.ts, as text:
 *
 *     npm run build:report             # after a change of page/*.ts or page.css; commit what it writes
 *     npm run build:report -- --check  # exit status 1 if what is committed is not what the sources give
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** One file as a browser wants it. */
async function bundled(entry) {
  const { outputFiles } = await build({
    ...{
      entryPoints: [at(entry)],
      bundle: true,
      write: false,
      minify: true,
      format: 'iife',
      target: 'es2022',
    },
    ...{ charset: 'utf8', legalComments: 'none' },
  });
  return JSON.stringify(outputFiles[0].text.trim());
}

const text = `// Bundled from ../page by \`npm run build:report\`. Do not edit.
/** The page's script, beside uPlot's. */
export const PAGE_SCRIPT =
  ${await bundled('main.ts')};
/** The page's style, after uPlot's. */
export const PAGE_STYLE =
  ${await bundled('page.css')};
`;
const file = at('../bundle/page.ts');
if (process.argv.includes('--check')) {
  let committed = '';
  try {
    committed = readFileSync(file, 'utf8');
  } catch {}
  const same = committed === text;
  console.log(`${same ? 'ok' : 'not ok'} - bundle/page.ts is what the sources give`);
  process.exit(same ? 0 : 1);
}
writeFileSync(file, text);
console.log(`${file}: ${text.length} characters`);
