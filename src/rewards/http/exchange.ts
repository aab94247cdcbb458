import type { Redact, ServiceAddress } from './address.js';
import type { Deadline } from './deadline.js';
import { parseLenientJson } from './protocol.js';
import { readText, TooLong } from './read-body.js';
import { RewardServiceError, type RewardServiceErrorDetails } from './service-error.js';

/** What all exchanges of one call have in common. */
export interface Connection {
  /** Who asks, for messages. */
  readonly what: string;
  readonly fetch: typeof globalThis.fetch;
  readonly headers: Headers;
  readonly redact: Redact;
  readonly deadline: Deadline;
  /** Milliseconds, for messages. */
  readonly timeout: number;
  readonly maxResponseBytes: number;
}

/** Statuses below 500 that may pass: a timeout, too early, too many requests. */
const PASSING: readonly number[] = [408, 425, 429];

/**
 * Asks a service and reads its answer.
 * @param body JSON, to be posted; nothing for a GET
 * @returns the JSON that it answered
 * @throws RewardServiceError for everything that goes wrong, also when the deadline ends it: whether it was the time or
 *   the caller is for the caller to ask
 */
export async function exchange(
  connection: Connection,
  { url, shown }: ServiceAddress,
  body?: string,
): Promise<unknown> {
  const { what, deadline, timeout, redact, maxResponseBytes } = connection;
  const fail = (wrong: string, details: RewardServiceErrorDetails): RewardServiceError =>
    new RewardServiceError(`${what}: ${shown} ${wrong}`, details);
  const broken = (error: unknown, doing: string, status?: number): RewardServiceError =>
    deadline.timedOut()
      ? fail(`did not answer in ${timeout} ms (timeout, while ${doing}).`, { retryable: true, status })
      : fail(`could not be reached (${describeError(error, redact)}, while ${doing}).`, {
          retryable: true,
          status,
        });

  const headers = new Headers(connection.headers);
  headers.set('accept', 'application/json');
  if (body !== undefined) headers.set('content-type', 'application/json');
  const { fetch } = connection; // a browser's own wants no `this`
  const { signal } = deadline;
  const asked = (async () => {
    const method = body === undefined ? 'GET' : 'POST';
    // A redirect would carry the samples, and perhaps the headers, to somewhere else.
    return fetch(url.href, { method, headers, body, signal, redirect: 'manual' });
  })();
  let response: Response;
  try {
    response = await deadline.race(asked);
  } catch (error) {
    asked.then(discard, () => {}); // a fetch that does not heed signals may answer yet
    throw broken(error, 'waiting for its answer');
  }
  const { status } = response;
  if (response.type === 'opaqueredirect' || response.redirected || (status >= 300 && status < 400)) {
    discard(response);
    const code = status === 0 ? '' : ` (HTTP ${status})`; // browsers do not tell
    throw fail(`redirects to another place${code}, which is not followed. Give the place itself as url.`, {
      ...{ retryable: false, status: status || undefined },
    });
  }
  if (status < 200 || status > 299) {
    discard(response);
    const retryable = status >= 500 || PASSING.includes(status);
    const retryAfterMs = retryAfter(response.headers.get('retry-after'));
    throw fail(`answered HTTP ${status} (${meaningOf(status)}).`, { retryable, status, retryAfterMs });
  }
  let text: string;
  try {
    text = await deadline.race(readText(response, maxResponseBytes, signal));
  } catch (error) {
    if (!(error instanceof TooLong)) throw broken(error, 'reading its answer', status);
    throw fail(`answered with more than ${maxResponseBytes} bytes (maxResponseBytes), and was not read on.`, {
      ...{ retryable: false, status },
    });
  }
  try {
    return parseLenientJson(text);
  } catch {
    const how = text.trim() === '' ? 'nothing' : `${text.length} characters that are no whole JSON`;
    throw fail(`answered ${how}: cut off, or not from a reward service.`, { retryable: true, status });
  }
}

/** Frees the connection of an answer that is not read. */
function discard({ body }: Response): void {
  body?.cancel().catch(() => {});
}

/** Milliseconds from now, out of seconds or a date; nothing for anything else. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function meaningOf(status: number): string {
  if (status === 401 || status === 403) return 'it does not accept the credentials: see `headers`';
  if (status === 404 || status === 405) return 'nothing there takes samples: see `url`';
  if (status === 413) return 'the request is too large for it: lower `maxRequestBytes` or `batchSize`';
  if (status === 422 || status === 400)
    return 'it does not understand the request: see its log, and `fields`';
  if (PASSING.includes(status) || status === 503) return 'it is too busy';
  return status >= 500 ? 'it failed: see its log' : 'it refuses the request: see its log';
}

/** An error in a few words. What went wrong on the way is in its cause, with a code such as ECONNREFUSED. */
function describeError(error: unknown, redact: Redact): string {
  if (!(error instanceof Error)) return redact(String(error)).slice(0, 200);
  const { cause } = error as { cause?: { code?: unknown; message?: unknown } };
  const detail = cause?.code ?? (error as { code?: unknown }).code ?? cause?.message;
  const words =
    typeof detail === 'string' ? `${error.message}: ${detail}` : `${error.name}: ${error.message}`;
  return redact(words).slice(0, 200);
}
