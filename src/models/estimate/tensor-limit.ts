import { backendTraits } from '../../backends/traits.js';
import { BicotError } from '../../errors.js';
import { assertNumber } from '../../options.js';
import { sizeOf } from '../safetensors-header.js';
import { gigabytes } from './memory.js';

/** A tensor that is to be loaded. */
export interface TensorToLoad {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Half a GiB: few pieces, and little to hold on the host beside what is on the device. */
const PIECE_BYTES = 2 ** 29;

/**
 * The most bytes of a piece of a table.
 * @param what who asks, e.g. `loadJanus`
 * @param wanted default half a GiB; a backend that allows less for one tensor gets less
 * @throws BicotError `value`
 */
export function pieceBytes(what: string, wanted: number = PIECE_BYTES): number {
  assertNumber(what, 'maxTensorBytes', wanted, { words: 'above 0', test: (bytes) => bytes > 0 });
  return Math.min(wanted, backendTraits().tensorBytes);
}

/**
 * Refuses tensors that the backend has no buffer for, before anything is loaded.
 * @param inPieces whether a tensor is kept in pieces of rows
 * @throws BicotError `backend` naming the largest
 */
export function assertTensorsFit(
  what: string,
  tensors: readonly TensorToLoad[],
  inPieces: (name: string) => boolean,
): void {
  const { name: backend, tensorBytes } = backendTraits();
  const least = ({ name, shape }: TensorToLoad): number =>
    4 * sizeOf(inPieces(name) ? shape.slice(1) : shape);
  const tooLarge = tensors.filter((tensor) => least(tensor) > tensorBytes);
  const [largest] = [...tooLarge].sort((a, b) => least(b) - least(a));
  if (!largest) return;
  const { name, shape } = largest;
  const others = tooLarge.length - 1;
  throw new BicotError(
    'backend',
    `${what}: ${inPieces(name) ? 'a row of ' : ''}${name} [${shape.join(', ')}]${others > 0 ? ` and ${others} more` : ''} would take ${gigabytes(least(largest))} in one tensor, but the ${backend} backend allows ${gigabytes(tensorBytes)} for one. Use a smaller model, or a backend without that limit (tfjs-node).`,
  );
}
