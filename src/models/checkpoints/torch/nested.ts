import { isKind, type PickleDict, type PickleFail, type PickleValue } from './pickle-value.js';

/** Checkpoints nest three deep (`optimizer`, `state`, a parameter's number). */
const MAX_DEPTH = 8;

/**
 * The tensors of dicts within dicts, by their keys joined by dots; what is neither is left out. A dict is looked into once,
 * so that none can go in circles.
 */
export function tensorsWithin(state: PickleDict, fail: PickleFail): [name: string, value: PickleValue][] {
  const found = new Map<string, PickleValue>();
  const seen = new Set<PickleDict>();
  const visit = (dict: PickleDict, prefix: string, depth: number): void => {
    if (seen.has(dict) || depth > MAX_DEPTH) {
      fail(`${prefix.slice(0, -1)} is within itself, there twice, or more than ${MAX_DEPTH} deep`);
    }
    seen.add(dict);
    for (const [key, value] of dict.items) {
      const name = prefix + key;
      if (isKind(value, 'dict')) visit(value, `${name}.`, depth + 1);
      if (!isKind(value, 'call')) continue;
      if (found.has(name)) fail(`there are two tensors ${name}`);
      found.set(name, value);
    }
  };
  visit(state, '', 0);
  return [...found];
}
