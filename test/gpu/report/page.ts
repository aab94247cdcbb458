import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GpuResults, Machine } from '../results.js';
import { table, writtenResults } from './tables.js';

/** docs/gpu.md. */
export const PAGE = fileURLToPath(new URL('../../../docs/gpu.md', import.meta.url));

const INTRODUCTION = new URL('./introduction.md', import.meta.url);
const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

/** In place of results. */
const NOTHING = [
  '**No GPU has been had yet.** The kit was tried on SwiftShader, a GPU in software, and on native TensorFlow on a CPU, with the tiny size: that shows that it runs, and says nothing about speed.',
  table([
    ['', 'bicot, WebGPU', 'bicot, native', 'PyTorch'],
    ['–', '–', '–', '–'],
  ]),
].join('\n\n');

/** The committed results, by file name. */
export function readResults(folder = RESULTS): GpuResults[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as GpuResults);
}

/** The page that results make. */
export function writtenPage(files: readonly GpuResults[]): string {
  const introduction = readFileSync(INTRODUCTION, 'utf8').trimEnd();
  const found = files.map((file) => `${heading(file.machine)}\n\n${writtenResults(file)}`);
  return `${[introduction, '## Results', ...(found.length > 0 ? found : [NOTHING])].join('\n\n')}\n`;
}

const heading = ({ nvidia, webgpu }: Machine): string => `## ${nvidia?.name ?? webgpu}`;
