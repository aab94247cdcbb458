import type { VqDecoderConfig } from './config.js';
import { assembleVq, type NamedShape } from './parts.js';

/**
 * Every tensor that the decoder needs, in a stable order: names of the original layout without the module's prefix
 * (`decoder.conv_in.weight`), PyTorch's shapes.
 */
export function vqParameterShapes(config: VqDecoderConfig): NamedShape[] {
  const shapes: NamedShape[] = [];
  assembleVq(config, (tensor) => void shapes.push(tensor));
  return shapes;
}

/** The decoder's modules that the Hugging Face port calls otherwise. */
const RENAMED: readonly (readonly [original: RegExp, ported: string])[] = [
  [/^decoder\.mid\.0\./, 'decoder.mid.block_1.'],
  [/^decoder\.mid\.1\./, 'decoder.mid.attn_1.'],
  [/^decoder\.mid\.2\./, 'decoder.mid.block_2.'],
  [/^decoder\.conv_blocks\.(\d+)\.res\./, 'decoder.up.$1.block.'],
  [/^decoder\.conv_blocks\./, 'decoder.up.'],
];

/** What the Hugging Face port calls a tensor of the original layout; both without the module's prefix. */
export function hfVqName(name: string): string {
  const renamed = RENAMED.find(([original]) => original.test(name));
  return renamed ? name.replace(...renamed) : name;
}
