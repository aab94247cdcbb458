import { BicotError } from '../../errors.js';
import type { Sample } from '../reward.js';

/** Everything that a reward may look at, but for the sample's place in its batch. */
function contentOf({ prompt, plan, image, tokens }: Sample): unknown {
  return { prompt, plan, image, tokens };
}

/**
 * Names what a sample holds: equal content, equal key.
 * @param version the reward's name and version; another one, another key
 * @param content default: prompt, plan, image and tokens
 * @returns the SHA-256 of it, in hexadecimal
 * @throws BicotError `unsupported` where the platform has no Web Crypto (pages that are neither https nor local)
 */
export async function contentKey(
  version: string,
  sample: Sample,
  content: (sample: Sample) => unknown = contentOf,
): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) {
    throw new BicotError(
      'unsupported',
      'the reward cache needs crypto.subtle for its keys, which pages have over https or on localhost only. Serve the page so, or leave the cache out.',
    );
  }
  const parts: Uint8Array[] = [];
  write(parts, [version, content(sample)]);
  const bytes = await new Blob(parts as BlobPart[]).arrayBuffer();
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const text = new TextEncoder();

/** Writes a value as JSON with sorted keys, and bytes as they are, each with its length before it. */
function write(parts: Uint8Array[], value: unknown): void {
  const say = (words: string): void => {
    parts.push(text.encode(words));
  };
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    say(`${value.constructor.name}${bytes.length}:`);
    parts.push(bytes);
  } else if (Array.isArray(value)) {
    say(`[${value.length}:`);
    for (const item of value) write(parts, item);
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    say(`{${entries.length}:`);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, item] of entries) {
      write(parts, key);
      write(parts, item);
    }
  } else {
    const json = JSON.stringify(value) ?? String(value);
    say(`${json.length}:${json}`);
  }
}
