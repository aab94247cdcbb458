import * as tf from '@tensorflow/tfjs';
import { type Check, fingerprint } from '../check.js';
import type { RunnableVariant, Session } from '../hosts/serve.js';
import { type BicotVariant, useKernels } from '../variants.js';

/** An operation, in stock operations and as bicot's kernel. */
export interface KernelCase {
  readonly title: string;
  /** Differentiated in all of them. */
  readonly inputs: readonly tf.Tensor[];
  readonly constants: readonly tf.Tensor[];
  readonly stock: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly ours: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** The value alone, without gradients. */
  readonly forwardOnly?: boolean;
  /** Floating-point operations of one run, where they are counted. */
  readonly flops?: number;
}

/** What stock operations are called in every table. */
export const STOCK = 'stock operations';

/** As what stock operations run: with no kernels of bicot's in the way. */
const PLAIN = { kernels: 'composed', fma: false } as const;

type Pass = () => { readonly value: tf.Tensor; readonly gradients: readonly tf.Tensor[] };

/** Value and gradients of one way to compute it. */
function passOf({ inputs, forwardOnly }: KernelCase, op: KernelCase['stock'], dy: tf.Tensor): Pass {
  if (forwardOnly) return () => ({ value: tf.tidy(() => op(...inputs)), gradients: [] });
  const differentiated = tf.valueAndGrads(op);
  return () => {
    const { value, grads } = differentiated([...inputs], dy);
    return { value, gradients: grads };
  };
}

async function checkOf(pass: Pass): Promise<Check> {
  const { value, gradients } = pass();
  const check: Record<string, Check[string]> = { value: fingerprint(await value.data()) };
  for (const [i, gradient] of gradients.entries()) {
    check[`gradient ${i}`] = fingerprint(await gradient.data());
  }
  tf.dispose([value, ...gradients]);
  return check;
}

/** Stock operations first, then bicot's kernels, each kind of them. */
export async function variantsOf(each: KernelCase, kernels: readonly BicotVariant[]): Promise<Session> {
  const dy = tf.tidy(() => tf.onesLike(each.stock(...each.inputs)));
  const rows = [
    { name: STOCK, use: PLAIN, op: each.stock },
    ...kernels.map((variant) => ({ name: variant.name, use: variant, op: each.ours })),
  ];
  const variants: RunnableVariant[] = [];
  for (const { name, use, op } of rows) {
    const pass = passOf(each, op, dy);
    await useKernels(use);
    variants.push({
      ...{ name, group: each.title, repeats: 5 },
      ...(each.flops === undefined ? {} : { flops: each.flops }),
      check: await checkOf(pass),
      before: () => useKernels(use),
      async run() {
        const { value, gradients } = pass();
        await (gradients[0] ?? value).data();
        tf.dispose([value, ...gradients]);
      },
    });
  }
  return { variants, dispose: () => dy.dispose() };
}
