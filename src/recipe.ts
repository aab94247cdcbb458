import { BicotError } from './errors.js';

/**
 * How another thread makes the same object. A policy or a surrogate is full of functions and can't be posted; the name of
 * a function that makes it, and plain arguments, can.
 */
export interface Recipe {
  /** URL of the module, usually `import.meta.url`. Absent for what bicot itself makes. */
  readonly module?: string;
  /** The function to call: an export of the module. It may be asynchronous. */
  readonly name: string;
  /** What to call it with; must survive structured cloning: plain data, no functions and no tensors. */
  readonly args: readonly unknown[];
}

/** Something that may have a recipe. */
export interface HasRecipe {
  readonly recipe?: Recipe;
}

/**
 * Gives an object of bicot's own its recipe. Not enumerable, so that a spread copy with another method in it does not
 * claim to be made the same way.
 */
export function withRecipe<T extends HasRecipe>(made: T, name: string, args: readonly unknown[]): T {
  const recipe: Recipe = { name, args };
  return Object.defineProperty(made, 'recipe', { value: recipe, enumerable: false });
}

/**
 * The recipe of something that workers must make again.
 * @param what e.g. `the policy`
 * @throws BicotError `unsupported`, saying what to add; `value` for a recipe that is none
 */
export function recipeOf(what: string, made: HasRecipe): Recipe {
  const { recipe } = made;
  if (recipe === undefined) {
    throw new BicotError(
      'unsupported',
      `parallel: workers make ${what} again in their own threads, but it has no recipe that says how. Make it in a function that a module exports, and add \`recipe: { module: import.meta.url, name: 'thatFunction', args: [what it was called with] }\` to the object it returns (a spread copy of one of bicot's own objects needs one too; a model that was loaded has one if its folder, and that of its adapters, was given as a path or a URL); or leave parallel out.`,
    );
  }
  const { module, name, args } = recipe;
  if (typeof name === 'string' && Array.isArray(args) && ['string', 'undefined'].includes(typeof module)) {
    return recipe;
  }
  throw new BicotError(
    'value',
    `parallel: the recipe of ${what} is ${JSON.stringify(recipe)}, but must be { module: URL (import.meta.url), name: 'anExportedFunction', args: [...] }.`,
  );
}
