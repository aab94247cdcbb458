import { type HasRecipe, withRecipe } from '../../recipe.js';
import type { LoadProgress } from './load-progress.js';

/** What every loader's options may have that is not the model's. */
interface LoadingOptions {
  readonly adapters?: unknown;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Gives a model that was loaded its recipe: a worker loads the same files, and the weights that are trained are overwritten
 * there. None for a folder object, of the model or of its adapters: it can't be posted.
 * @param name of the loader
 * @param from what it was called with
 * @param options likewise; those that are about loading itself are left out
 */
export function withLoadedRecipe<Model extends HasRecipe>(
  model: Model,
  name: string,
  from: unknown,
  { onProgress: _, signal: __, ...options }: LoadingOptions,
): Model {
  const folders = options.adapters === undefined ? [from] : [from, options.adapters];
  if (!folders.every((folder) => typeof folder === 'string')) return model;
  return withRecipe(model, name, [from, options]);
}
