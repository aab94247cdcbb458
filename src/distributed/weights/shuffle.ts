/**
 * Float32 numbers sorted by significance: the first bytes of all, then the second, and so on. Exponents are alike, so that
 * they compress; in between mantissas, which are noise, they hardly do.
 * @param bytes whole numbers of four bytes
 */
export function shuffled(bytes: Uint8Array): Uint8Array {
  const count = bytes.length / 4;
  const sorted = new Uint8Array(bytes.length);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0, at = plane * count; i < count; i++) sorted[at + i] = bytes[4 * i + plane] as number;
  }
  return sorted;
}

/** What `shuffled` was given. */
export function unshuffled(sorted: Uint8Array): Uint8Array {
  const count = sorted.length / 4;
  const bytes = new Uint8Array(sorted.length);
  for (let plane = 0; plane < 4; plane++) {
    for (let i = 0, at = plane * count; i < count; i++) bytes[4 * i + plane] = sorted[at + i] as number;
  }
  return bytes;
}
