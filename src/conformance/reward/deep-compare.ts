type Fields = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Fields =>
  typeof value === 'object' &&
  value !== null &&
  [Object.prototype, Array.prototype, null].includes(Object.getPrototypeOf(value));

/** Copies plain objects, arrays and typed arrays; anything else (class instances, functions) stays what it is. */
export function deepCopy<T>(value: T, seen: Map<unknown, unknown> = new Map()): T {
  if (seen.has(value)) return seen.get(value) as T;
  if (ArrayBuffer.isView(value) && 'slice' in value) return (value as unknown as Uint8Array).slice() as T;
  if (!isPlain(value)) return value;
  const copy: Record<string, unknown> = Array.isArray(value)
    ? ([] as unknown as Record<string, unknown>)
    : {};
  seen.set(value, copy);
  for (const [key, entry] of Object.entries(value)) copy[key] = deepCopy(entry, seen);
  return copy as T;
}

/**
 * Where two values made of what `deepCopy` copies differ.
 * @returns the path of the first difference, e.g. `[3].image.data[0]`; nothing if there is none
 */
export function firstDifference(
  a: unknown,
  b: unknown,
  path = '',
  seen: Set<unknown> = new Set(),
): string | undefined {
  if (Object.is(a, b) || seen.has(a)) return undefined;
  const typed = ArrayBuffer.isView(a) && ArrayBuffer.isView(b);
  if (!typed && !(isPlain(a) && isPlain(b))) return path;
  seen.add(a);
  if (typed || (Array.isArray(a) && Array.isArray(b))) {
    const [one, other] = [a as unknown as ArrayLike<unknown>, b as unknown as ArrayLike<unknown>];
    if (one.length !== other.length) return `${path}.length`;
    for (let i = 0; i < one.length; i++) {
      const found = firstDifference(one[i], other[i], `${path}[${i}]`, seen);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const [one, other] = [a as Fields, b as Fields];
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const found = firstDifference(one[key], other[key], `${path}.${key}`, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}
