import { BicotError, reasonOf } from '../errors.js';
import type { loadJanus } from '../models/janus/load.js';
import type { loadLlamaGen } from '../models/llamagen/load.js';
import { blankTransformer } from '../models/transformer/transformer.js';
import { clipped, unclipped } from '../objective/surrogates/clipped.js';
import { clippedWeight } from '../objective/surrogates/clipped-weight.js';
import { softGate } from '../objective/surrogates/soft-gate.js';
import type { Recipe } from '../recipe.js';

type Make = (...args: never[]) => unknown;

/** What recipes without a module name. */
const OWN: Readonly<Record<string, Make>> = {
  transformer: blankTransformer,
  clipped,
  unclipped,
  clippedWeight,
  softGate,
  // Loaded when asked for: workers of other policies start sooner without them.
  loadJanus: async (...args: Parameters<typeof loadJanus>) =>
    (await import('../models/janus/load.js')).loadJanus(...args),
  loadLlamaGen: async (...args: Parameters<typeof loadLlamaGen>) =>
    (await import('../models/llamagen/load.js')).loadLlamaGen(...args),
};

/**
 * Makes what a recipe says.
 * @throws BicotError `value` if there is no such function; what the function throws
 */
export async function madeFrom<T>({ module, name, args }: Recipe): Promise<T> {
  const from: Readonly<Record<string, unknown>> = module === undefined ? OWN : await imported(module);
  const make = Object.hasOwn(from, name) ? from[name] : undefined;
  if (typeof make !== 'function') {
    throw new BicotError(
      'value',
      `parallel: a recipe names the function '${name}', but ${module ?? 'bicot'} has ${Object.keys(from).join(', ') || 'no exports'}. Export the function under that name.`,
    );
  }
  return (make as (...args: readonly unknown[]) => T | Promise<T>)(...args);
}

async function imported(module: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ module);
  } catch (cause) {
    throw new BicotError(
      'value',
      `parallel: the module ${module} of a recipe could not be loaded (${reasonOf(cause)}). Give a URL that the worker can import, usually import.meta.url.`,
      { cause },
    );
  }
}
