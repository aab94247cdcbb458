import { BicotError } from './errors.js';

const text = new TextEncoder();

/**
 * The SHA-256 of some bytes, in hexadecimal.
 * @param bytes may be a view of a larger buffer
 * @throws BicotError `unsupported` where the platform has no Web Crypto (pages that are neither https nor local)
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) {
    throw new BicotError(
      'unsupported',
      'checksums need crypto.subtle, which pages have over https or on localhost only. Serve the page so, or do without the reward cache and checkpoints.',
    );
  }
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes as BufferSource));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The SHA-256 of a value's content: equal content, equal digest. Objects are compared by their entries in any order
 * (undefined ones left out), typed arrays by their bytes.
 * @param value plain data and typed arrays, as deep as you like
 * @throws BicotError `unsupported`, as `sha256`
 */
export async function digestOf(value: unknown): Promise<string> {
  const parts: Uint8Array[] = [];
  write(parts, value);
  return sha256(new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()));
}

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
