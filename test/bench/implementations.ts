import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Host, startHost, startNodeHost } from './hosts/host.js';
import type { Skipped } from './hosts/protocol.js';
import type { BenchOptions } from './options.js';

const PYTHON = process.env.BENCH_PYTHON ?? 'python3';

/** Something to compare, as a program that can be started. */
export interface Implementation {
  readonly kind: 'port' | 'bicot' | 'torch';
  start(): Promise<Host>;
}

/** All that the options ask for, the port first: everything is measured against it. */
export function implementations(options: BenchOptions): {
  readonly all: Implementation[];
  readonly skipped: Skipped[];
} {
  const all: Implementation[] = options.nodes.flatMap((node) => {
    const suffix = options.nodes.length > 1 ? `Node ${nodeVersion(node)}` : '';
    const start = (file: string, args: string[]) => () => startNodeHost(suffix, file, node, args);
    return [
      { kind: 'port' as const, start: start('port-host.ts', []) },
      { kind: 'bicot' as const, start: start('bicot-host.ts', [options.workers.join(',')]) },
    ];
  });
  const reason = options.torch ? whyNoTorch() : '--no-torch';
  if (reason !== undefined) return { all, skipped: [{ name: 'PyTorch', reason }] };
  const script = fileURLToPath(new URL('./torch_bench.py', import.meta.url));
  all.push({ kind: 'torch', start: () => startHost('', PYTHON, ['-B', script]) });
  return { all, skipped: [] };
}

const nodeVersion = (node: string): string =>
  execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().replace('v', '');

/** Why PyTorch can't be measured; nothing if it can. */
export function whyNoTorch(): string | undefined {
  try {
    execFileSync(PYTHON, ['-c', 'import torch, safetensors.torch'], { stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? '').trim() || String(error);
    return `${PYTHON}: ${said.split('\n').at(-1)}`;
  }
}
