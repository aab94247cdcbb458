/** Docstrings of the public API say what they have to, and the check of them finds those that do not. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { docstringFaults, documentedEntries } from './reference/docstrings.js';
import { root } from './support/doc-blocks.js';

describe('docstrings', () => {
  it('of the public API have @throws and shapes', () => {
    expect(documentedEntries().length).toBeGreaterThan(8);
    expect(docstringFaults(documentedEntries())).toEqual([]);
  }, 180_000);

  it('that leave something out are found', () => {
    const file = join(root, 'test', 'planted.ts');
    const text = `
import type * as tf from '@tensorflow/tfjs';
import { assertShape, BicotError } from 'bicot';

/** Gives it back. */
export function noShape(x: tf.Tensor2D): tf.Tensor2D { return x; }
/** \`[N, T]\` and back; the caller disposes it. */
export function shape(x: tf.Tensor2D): tf.Tensor2D { return x; }
/** Gives some. */
export const noShapeOfMany = async (): Promise<readonly tf.Tensor1D[]> => [];
/** A number. */
export const scalarNeedsNone = (x: tf.Scalar): tf.Scalar => x;
/** Throws. */
export function noThrows(): void { throw new BicotError('value', 'no'); }
/** \`[N]\`. */
export function noThrowsOfCheck(x: tf.Tensor1D): void { assertShape('x', x, [null]); }
/** @throws BicotError \`value\` */
export function throws(): void { throw new BicotError('value', 'no'); }
/** What is returned throws, and says so where it is called. */
export function later(): () => void { return () => { throw new BicotError('value', 'no'); }; }
/** Holds some. */
export interface Holder {
  readonly noShape: tf.Tensor3D;
  /** \`[N, T, V]\` */
  readonly shape: tf.Tensor3D;
  /** Takes. */
  take(x: tf.Tensor | null): void;
  readonly give: () => tf.Tensor4D;
}
/** Of \`[N]\` each. */
export interface Shaped {
  readonly a: tf.Tensor1D;
}
`;
    const faults = docstringFaults([file], { [file]: text }).map(
      ({ name, missing }) => `${name}: ${missing}`,
    );
    expect(faults.sort()).toEqual(
      [
        'Holder.give: docstring',
        'Holder.noShape: shape',
        'Holder.take: shape',
        'noShape: shape',
        'noShapeOfMany: shape',
        'noThrows: @throws',
        'noThrowsOfCheck: @throws',
      ].sort(),
    );
  }, 180_000);
});
