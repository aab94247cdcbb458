import * as tf from '@tensorflow/tfjs';
import { adamW, type Optimizer } from 'bicot';
import { createTransformer } from 'bicot/models';
import { type Check, fingerprint } from '../check.js';
import type { RunnableVariant, Session } from '../hosts/serve.js';
import type { Problem } from '../problem.js';
import { type BicotVariant, useKernels } from '../variants.js';
import { STOCK } from './pass.js';

type Variables = Readonly<Record<string, tf.Variable>>;

/** Updates variables in place with gradients, by name. */
type Update = (variables: Variables, gradients: Readonly<Record<string, tf.Tensor>>) => void;

const RATE = 1e-3;

/** Adam over all weights of the model: the stock optimiser against `adamW`. */
export async function optimizerCase(problem: Problem, kernels: readonly BicotVariant[]): Promise<Session> {
  const model = createTransformer(problem.config);
  const gradients = Object.fromEntries(
    Object.entries(model.variables).map(([name, variable]) => [name, tf.mul(variable, 0.1)]),
  );
  const parameters = Object.values(model.variables).reduce((sum, { size }) => sum + size, 0);
  const group = `Adam, ${(parameters / 1e6).toFixed(2)} million weights`;
  const disposals: (() => void)[] = [() => tf.dispose(gradients), () => model.dispose()];
  const variants: RunnableVariant[] = [];
  const add = async (name: string, use: Pick<BicotVariant, 'kernels' | 'fma'>, update: Update) => {
    const copies = copyOf(model.variables);
    disposals.push(() => tf.dispose(copies as unknown as tf.TensorContainer));
    const run = async (): Promise<void> => {
      update(copies, gradients);
      await copies.finalNorm?.data();
    };
    await useKernels(use);
    await run();
    const before = () => useKernels(use);
    variants.push({ name, group, repeats: 5, check: await checkOf(copies), before, run });
  };

  const stock = tf.train.adam(RATE, 0.9, 0.99, 1e-8);
  disposals.push(() => stock.dispose());
  await add(STOCK, { kernels: 'composed', fma: false }, (variables, found) => {
    stock.applyGradients(
      Object.entries(found).map(([name, tensor]) => ({
        name: (variables[name] as tf.Variable).name,
        tensor: tensor as tf.Variable,
      })),
    );
  });
  for (const variant of kernels) {
    const optimizer: Optimizer = adamW({ beta1: 0.9, beta2: 0.99, epsilon: 1e-8 });
    disposals.push(() => optimizer.dispose());
    await add(variant.name, variant, (variables, found) => optimizer.update(variables, found, RATE));
  }
  return {
    variants,
    dispose() {
      for (const dispose of disposals) dispose();
    },
  };
}

const copyOf = (variables: Variables): Variables =>
  Object.fromEntries(
    Object.entries(variables).map(([name, variable]) => [
      name,
      tf.tidy(() => tf.variable(tf.mul(variable, 1))),
    ]),
  );

async function checkOf(variables: Variables): Promise<Check> {
  const check: Record<string, Check[string]> = {};
  for (const [name, variable] of Object.entries(variables)) check[name] = fingerprint(await variable.data());
  return check;
}
