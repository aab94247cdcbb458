/** Characters per call, which an argument list can take; a multiple of 3, so that no part but the last is padded. */
const PART = 3 * 8192;

/** Bytes in base64, in Node and in browsers. */
export function toBase64(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += PART) {
    parts.push(btoa(String.fromCharCode(...bytes.subarray(at, at + PART))));
  }
  return parts.join('');
}
