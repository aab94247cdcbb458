import { BicotError } from '../../errors.js';

/** A checkpoint that is whole but not of this run: an older one would not be either. */
export class Mismatch extends BicotError {
  constructor(message: string) {
    super('checkpoint', message);
  }
}
