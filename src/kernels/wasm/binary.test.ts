import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hasRelaxedSimd } from '../relaxed-simd.js';
import { FMA_MODULE } from './binary/fma.js';
import { PLAIN_MODULE } from './binary/plain.js';

const BUILD = fileURLToPath(new URL('assembly/build.mjs', import.meta.url));
const DATA_SECTION = 11;

/** An unsigned number of a wasm binary (LEB128), and where the next one begins. */
function readNumber(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

/** Ids of a binary's sections, in order. */
function sectionsOf(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  let at = 8; // behind the magic word and the version
  while (at < bytes.length) {
    ids.push(bytes[at] as number);
    const [size, body] = readNumber(bytes, at + 1);
    at = body + size;
  }
  return ids;
}

function compilerInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve('assemblyscript/package.json');
    return true;
  } catch {
    return false;
  }
}

describe.each([
  ['plain', PLAIN_MODULE, true],
  ['fma', FMA_MODULE, hasRelaxedSimd()],
] as const)('the binary of the %s build', (_, base64, usable) => {
  const binary = Uint8Array.from(Buffer.from(base64, 'base64'));

  it('has no data of its own, which would lie in the memory of the backend', () => {
    const sections = sectionsOf(binary);
    expect(sections).toContain(10); // code: the sections were read right
    expect(sections).not.toContain(DATA_SECTION);
  });

  it.skipIf(!usable)('imports the memory and nothing else, and brings none', () => {
    const module = new WebAssembly.Module(binary);
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
    expect(WebAssembly.Module.exports(module).every(({ kind }) => kind === 'function')).toBe(true);
  });
});

it('the binaries are what the sources give', ({ skip }) => {
  if (!compilerInstalled()) {
    console.log('skip - kernel binaries: assemblyscript is not installed (npm ci)');
    skip();
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [BUILD, '--check'], { encoding: 'utf8' });
  expect(status, `${stdout}${stderr}; run npm run build:kernels`).toBe(0);
});
