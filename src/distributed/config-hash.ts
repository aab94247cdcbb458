import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { BicotError } from '../errors.js';
import type { WeightEntry } from '../parallel/protocol.js';
import type { Policy } from '../policy/policy.js';
import { digestOf } from '../sha256.js';

/**
 * The checksum of what coordinator and workers must have in common: what they were configured with, and the variables of the
 * policy that came of it.
 * @param config plain data; default: the policy's recipe, a module in it by its content
 * @throws BicotError `value` without either
 */
export async function configHash(
  config: unknown,
  policy: Pick<Policy<never>, 'recipe'>,
  layout: readonly WeightEntry[],
): Promise<string> {
  const variables = layout.map(({ name, shape }) => [name, shape]);
  return digestOf({ config: config ?? (await recipeContent(policy)), variables });
}

async function recipeContent({ recipe }: Pick<Policy<never>, 'recipe'>): Promise<unknown> {
  if (!recipe) {
    throw new BicotError(
      'value',
      'distributed: the policy has no recipe, so that nothing says what workers must have in common. Give config, plain data that is the same for coordinator and workers: a name and a version, or the checksum of a configuration.',
    );
  }
  const { module, name, args } = recipe;
  if (!module?.startsWith('file:')) return { module, name, args };
  const bytes = await readFile(fileURLToPath(module));
  return { module: createHash('sha256').update(bytes).digest('hex'), name, args };
}
