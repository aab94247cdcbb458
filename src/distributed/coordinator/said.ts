import { answerOf } from '../wire/check.js';
import type { JobAnswer } from '../wire/protocol.js';

/** What was said of a job that is over. */
export type Said =
  | { readonly answer: JobAnswer }
  /** It can't be read; `worker` is who said so as far as that can be told. */
  | { readonly problem: string; readonly worker?: string };

/**
 * Reads what was said of a job: text in an event or a key, a value in BullMQ's job.
 * @returns never throws, as anybody may have written it
 */
export function readSaid(said: unknown): Said {
  const value = typeof said === 'string' ? parsed(said) : said;
  try {
    return { answer: answerOf(value) };
  } catch (error) {
    const { worker } = (value ?? {}) as { readonly worker?: unknown };
    return { problem: (error as Error).message, ...(typeof worker === 'string' && { worker }) };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
