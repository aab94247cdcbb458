import type { BackendCase } from '../backend-case.js';
import { type Operation, operationCases } from '../operation.js';
import { imageOperations } from './images.js';
import { madeOperations } from './made.js';
import { placeOperations } from './places.js';
import { pointwiseOperations } from './pointwise.js';
import { productOperations } from './products.js';
import { rowOperations } from './rows.js';
import { trapOperations } from './traps.js';

/** Every operation of TensorFlow.js that bicot uses, and a few traps. */
export function operationsOfTfjs(): Operation[] {
  return [
    ...madeOperations(),
    ...pointwiseOperations(),
    ...rowOperations(),
    ...placeOperations(),
    ...productOperations(),
    ...imageOperations(),
    ...trapOperations(),
  ];
}

/** Their cases. */
export const tfjsCases = (): BackendCase[] =>
  operationsOfTfjs().flatMap((operation) => operationCases(operation));
