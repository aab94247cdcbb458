/** Thrown by `readText`. */
export class TooLong extends Error {}

/**
 * The text of a body, read as it comes and no further than allowed. The body is cancelled if it is not read to its end.
 * @param limit bytes
 * @param signal ends the reading
 * @throws TooLong beyond the limit; what the stream throws if it breaks off
 */
export async function readText(response: Response, limit: number, signal: AbortSignal): Promise<string> {
  const { body } = response;
  if (!body) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [length, text, ended] = [0, '', false];
  // Not awaited: a stream that hangs may hang in this too.
  const cancel = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (Number(response.headers.get('content-length')) > limit) throw new TooLong();
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted(); // what was cancelled looks as if it were done
      ended = done;
      if (done) return text + decoder.decode();
      length += value.byteLength;
      if (length > limit) throw new TooLong();
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    if (!ended) cancel();
  }
}
