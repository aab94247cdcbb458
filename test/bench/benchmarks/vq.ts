import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uniformInteger, uniformStream } from 'bicot';
import {
  type VqDecoderConfig,
  vqDecoderConfig,
  vqImageSide,
  vqLevels,
} from '../../../src/models/vq/config.js';
import { vqParameterShapes } from '../../../src/models/vq/names.js';
import { TINY_JANUS } from '../../support/tiny-janus.js';
import { type VqProblem, vqProblemPath } from '../bicot/vq.js';
import { measure, type PlacedVariant } from '../measure.js';
import type { Result } from '../results.js';
import type { SizeName } from '../sizes.js';
import { type Bench, close, open } from './bench.js';
import { assertAllSame } from './compare.js';

/** Floating-point operations of one picture's convolutions and attention. */
function flopsOf(config: VqDecoderConfig): number {
  const levels = vqLevels(config);
  const sideOf = (name: string): number => {
    const level = /conv_blocks\.(\d+)/.exec(name)?.[1] ?? (name === 'decoder.conv_out.weight' ? -1 : 0);
    return (levels.at(Number(level))?.side as number) * (name.includes('upsample') ? 2 : 1);
  };
  return vqParameterShapes(config)
    .filter(({ shape }) => shape.length === 4)
    .reduce((sum, { name, shape }) => {
      const positions = sideOf(name) ** 2;
      // Queries stand for their attention: two products over all pairs of positions.
      const pairs = name.endsWith('.q.weight') ? 4 * positions ** 2 * (shape[0] as number) : 0;
      return sum + pairs + 2 * positions * shape.reduce((product, size) => product * size, 1);
    }, 0);
}

/** One picture out of image tokens: VQ-16 at 384 pixels, or the tests' decoder. */
export async function benchVq(bench: Bench, name: SizeName): Promise<Result> {
  const config = vqDecoderConfig(name === 'tiny' ? TINY_JANUS.vq : {});
  const stream = uniformStream('bench', 'vq');
  const codes = Array.from({ length: config.grid ** 2 }, () => uniformInteger(stream, config.codebookSize));
  const problem = mkdtempSync(join(tmpdir(), 'bicot-bench-vq-'));
  writeFileSync(vqProblemPath(problem), JSON.stringify({ config, codes } satisfies VqProblem));
  const variants: PlacedVariant[] = [];
  try {
    for (const implementation of bench.implementations) {
      if (implementation.kind === 'port') continue;
      variants.push(...(await open(await bench.host(implementation), { task: 'vq', problem })));
    }
  } finally {
    rmSync(problem, { recursive: true });
  }
  const side = vqImageSide(config);
  const title = `a picture of ${side} × ${side} pixels from ${config.grid} × ${config.grid} tokens`;
  assertAllSame(title, variants);
  const timings = await measure(variants, bench.rounds);
  await close(variants);
  const comparison = { title, unit: 'ms' as const, variants: timings, flops: flopsOf(config) };
  return { benchmark: 'vq', size: name, comparisons: [comparison], skipped: bench.skipped };
}
