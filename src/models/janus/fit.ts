import { backendTraits } from '../../backends/traits.js';
import { BicotError } from '../../errors.js';
import { isFused } from '../../kernels/choice.js';
import { DECODE_ATTENTION } from '../../kernels/fused/key-value-cache.js';
import { assertWorkFits } from '../estimate/largest-work.js';
import {
  assertFits,
  estimateMemory,
  formatMemory,
  gigabytes,
  type TrainingPlan,
  weightItems,
} from '../estimate/memory.js';
import type { JanusConfig } from './config.js';
import { janusSizes } from './sizes.js';

/** What a device must have room for. */
export interface JanusMemory {
  /** Bytes that the device has for tensors. Default: 4 GiB on wasm, whose memory ends there; elsewhere nobody knows, and all passes. */
  readonly limitBytes?: number;
  /** Bytes that the device allows for one tensor. Default: what the present backend does. */
  readonly tensorBytes?: number;
  /** How the model is to be trained; what `loadJanus` is told itself (adapters, checkpointing, kernels) is filled in. */
  readonly plan?: TrainingPlan;
  /** Is given the table, e.g. `console.log`. */
  readonly print?: (table: string) => void;
}

/**
 * Estimates a training's memory from the configuration alone, and refuses what can't fit.
 * @param known what is decided already
 * @throws BicotError `value` with advice
 */
export function assertJanusFits(config: JanusConfig, memory: JanusMemory, known: TrainingPlan): void {
  const plan = { fused: isFused(DECODE_ATTENTION, []), ...known, ...memory.plan };
  const sizes = janusSizes(config);
  const estimate = estimateMemory(sizes, plan);
  memory.print?.(formatMemory(estimate));
  const { memoryBytes, tensorBytes } = backendTraits();
  assertFits(estimate, memory.limitBytes ?? memoryBytes, sizes, plan);
  assertWorkFits(sizes, plan, memory.tensorBytes ?? tensorBytes);
}

/**
 * Refuses weights that the backend has no room for, whatever is done with them.
 * @throws BicotError `backend`
 */
export function assertWeightsFit(config: JanusConfig): void {
  const { name, memoryBytes } = backendTraits();
  if (!Number.isFinite(memoryBytes)) return;
  const bytes = weightItems(janusSizes(config)).reduce((sum, item) => sum + item.bytes, 0);
  if (bytes <= memoryBytes) return;
  throw new BicotError(
    'backend',
    `The weights take ${gigabytes(bytes)}, but the memory of the ${name} backend ends at ${gigabytes(memoryBytes)}. Use a backend without that limit (tfjs-node, tfjs-node-gpu, WebGPU).`,
  );
}
