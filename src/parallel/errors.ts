import { BicotError, type BicotErrorCode, reasonOf } from '../errors.js';
import type { PostedError } from './protocol.js';

/** An error as plain data, to be posted. */
export function postedError(error: unknown): PostedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack } = error;
  const { code } = error as { readonly code?: BicotErrorCode };
  return { name, message, stack, ...(name === 'BicotError' && { code }) };
}

/** The error again: the same class, code and message; `cause` has the stack it had in its own thread. */
export function receivedError({ name, message, stack, code }: PostedError): Error {
  const cause = new Error(`in a worker: ${message}`);
  if (stack !== undefined) cause.stack = stack;
  if (name === 'BicotError' && code !== undefined) return new BicotError(code, message, { cause });
  const error = new Error(message, { cause });
  error.name = name;
  return error;
}

/** What `postMessage` refused to clone. */
export function unclonable(cause: unknown): BicotError {
  return new BicotError(
    'unsupported',
    `parallel: a task could not be posted to a worker (${reasonOf(cause)}). Contexts, and the arguments of recipes, must be plain data (numbers, strings, typed arrays, objects of these): keep functions and tensors inside the policy, or leave parallel out.`,
    { cause },
  );
}
