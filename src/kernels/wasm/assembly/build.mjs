/**
 * Compiles the kernels in this folder to WebAssembly and writes both builds, as base64, to ../binary/:
 *
 *     npm run build:kernels             # after a change of assembly/*.ts; commit what it writes
 *     npm run build:kernels -- --check  # exit status 1 if what is committed is not what the sources give
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const here = fileURLToPath(new URL('.', import.meta.url));
const BUILDS = {
  plain: { features: ['simd', 'bulk-memory'], of: 'with plain SIMD: the same bits on every machine' },
  fma: { features: ['simd', 'bulk-memory', 'relaxed-simd'], of: 'with relaxed SIMD: fused multiply-add' },
};

/** The text of one generated file. */
async function compile(name) {
  const { features, of } = BUILDS[name];
  let binary;
  const { error, stderr } = await asc.main(
    [
      ...['index.ts', '--outFile', 'kernels.wasm', '--importMemory', '--noExportMemory', '--runtime', 'stub'],
      ...['-O3', '--noAssert', '--use', 'abort=', '--disableWarning', '112'],
      ...features.flatMap((feature) => ['--enable', feature]),
    ],
    {
      readFile: (file) => {
        try {
          return readFileSync(`${here}/${file}`, 'utf8');
        } catch {
          return null;
        }
      },
      writeFile: (_file, contents) => {
        binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  const base64 = Buffer.from(binary).toString('base64');
  return `// Compiled from ../assembly by \`npm run build:kernels\`, ${of}. Do not edit.\nexport const ${name.toUpperCase()}_MODULE =\n  '${base64}';\n`;
}

let stale = false;
for (const name of Object.keys(BUILDS)) {
  const file = fileURLToPath(new URL(`../binary/${name}.ts`, import.meta.url));
  const text = await compile(name);
  if (process.argv.includes('--check')) {
    const same = readFileSync(file, 'utf8') === text;
    console.log(`${same ? 'ok' : 'not ok'} - binary/${name}.ts is what the sources give`);
    stale ||= !same;
  } else {
    writeFileSync(file, text);
    console.log(`${file}: ${text.length} characters`);
  }
}
process.exit(stale ? 1 : 0);
