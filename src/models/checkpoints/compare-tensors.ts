import type { TensorSource } from './source.js';

/** A tensor that a model needs. */
export interface WantedTensor {
  /** What the checkpoint calls it. */
  readonly stored: string;
  readonly shape: readonly number[];
}

/** Number formats that become float32. */
const READABLE: readonly string[] = ['F32', 'F16', 'BF16'];

/**
 * What stands between a model and a checkpoint, in words that follow a sentence; reads no weights.
 * @param leftOver names in the checkpoint that nobody knows
 * @returns empty if all tensors are there, of the right shape and of a format that can be read, and nothing is left over
 */
export function faultsInWords(
  { tensors }: TensorSource,
  wanted: readonly WantedTensor[],
  leftOver: readonly string[],
): string {
  const missing = wanted.filter(({ stored }) => !tensors.has(stored)).map(({ stored }) => stored);
  const wrong = wanted.flatMap(({ stored, shape }) => {
    const own = tensors.get(stored);
    if (!own) return [];
    if (own.shape.join() !== shape.join()) {
      return [`${stored} is [${own.shape.join(', ')}] instead of [${shape.join(', ')}]`];
    }
    return READABLE.includes(own.dtype)
      ? []
      : [`${stored} is ${own.dtype} instead of ${READABLE.join(', ')}`];
  });
  return `${listed('Missing', missing)}${listed('Left over', leftOver)}${listed('Different', wrong)}`;
}

/** More names than this tell nobody more. */
const SHOWN = 8;

function listed(label: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return ` ${label}: ${names.slice(0, SHOWN).join(', ')}${more}.`;
}
