import type { PickleFail, PickleValue } from './pickle-value.js';

// A state dict of a thousand tensors takes 2,000 places.
const MAX_STACK = 100_000;

/** Values and marks between them; what lies below the last mark can't be reached. */
export interface Stack {
  push(value: PickleValue): void;
  pop(): PickleValue;
  /** The last ones, the oldest first. */
  popMany(count: number): PickleValue[];
  mark(): void;
  /** All above the last mark, which goes. */
  popToMark(): PickleValue[];
  top(): PickleValue;
  depth(): number;
}

/** An empty one. */
export function emptyStack(fail: PickleFail): Stack {
  const values: PickleValue[] = [];
  const marks: number[] = [];
  const need = (count: number): void => {
    if (values.length - (marks.at(-1) ?? 0) < count) fail('an operation lacks its values');
  };
  const room = (): void => {
    if (values.length + marks.length >= MAX_STACK) fail(`it nests or lists more than ${MAX_STACK} values`);
  };
  const popMany = (count: number): PickleValue[] => {
    need(count);
    return values.splice(values.length - count, count);
  };
  return {
    push(value) {
      room();
      values.push(value);
    },
    pop: () => popMany(1)[0] as PickleValue,
    popMany,
    mark() {
      room();
      marks.push(values.length);
    },
    popToMark() {
      const mark = marks.pop();
      return mark === undefined ? fail('a mark is missing') : values.splice(mark);
    },
    top() {
      need(1);
      return values.at(-1) as PickleValue;
    },
    depth: () => values.length + marks.length,
  };
}
