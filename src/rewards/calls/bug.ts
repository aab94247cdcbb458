import { BicotError, isBicotError } from '../../errors.js';

/** What a mistake in a reward's own code throws. By name, as an error of another realm is of another class. */
const PROGRAMMING_ERRORS = ['TypeError', 'ReferenceError', 'RangeError'];

/** fetch calls a network that is down a TypeError; the words are those of Node, Chrome, Firefox and Safari. */
const NETWORK_DOWN = /^(fetch failed|terminated|Failed to fetch|network error|NetworkError|Load failed)/i;

/**
 * Whether an error shows a mistake in the code: a bug, or a broken promise of the reward contract. It is to be shown
 * before a whole run is wasted on it; anything else, a network that is down for one, is a failure to be counted.
 */
export function isBug(error: unknown): error is Error {
  if (isBicotError(error)) return true;
  if (!(error instanceof Error) || !PROGRAMMING_ERRORS.includes(error.name)) return false;
  return !(error.name === 'TypeError' && NETWORK_DOWN.test(error.message));
}

/** The error to end a run with: it names the reward, keeps the code of a BicotError, and has the cause. */
export function bugOf(name: string, error: Error): BicotError {
  if ('words' in error) return new BicotError('reward', `reward "${name}" ${error.words}`);
  if (isBicotError(error)) {
    return new BicotError(error.code, `reward "${name}": ${error.message}`, { cause: error });
  }
  return new BicotError(
    'reward',
    `reward "${name}" threw ${error.name}: ${error.message}. That is a mistake in the reward's code: correct it ` +
      '(the cause has the stack), or catch the error and return failure(reason) for the samples it concerns.',
    { cause: error },
  );
}
