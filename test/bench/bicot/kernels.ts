import * as tf from '@tensorflow/tfjs';
import type { Session } from '../hosts/serve.js';
import type { Problem } from '../problem.js';
import type { BicotVariant } from '../variants.js';
import { kernelCases, productCases } from './kernel-cases.js';
import { optimizerCase } from './optimizer-case.js';
import { variantsOf } from './pass.js';

/**
 * Kernels against stock operations with their default gradients, at the shapes of a training step.
 * @param products plain products alone
 */
export async function kernelVariants(
  problem: Problem,
  variants: readonly BicotVariant[],
  products: boolean,
): Promise<Session> {
  const kernels = variants.filter(({ workers }) => workers === 1);
  const cases = products ? productCases(problem) : kernelCases(problem);
  const sessions: Session[] = [];
  for (const each of cases) sessions.push(await variantsOf(each, kernels));
  if (!products) sessions.push(await optimizerCase(problem, kernels));
  return {
    variants: sessions.flatMap((session) => session.variants),
    dispose() {
      for (const session of sessions) session.dispose();
      for (const { inputs, constants } of cases) tf.dispose([...inputs, ...constants]);
    },
  };
}
