/** What a pickle of tensors consists of. Calls are noted down and never made. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleCall
  | PickleReference
  | PickleOpaque;

/** A tuple. */
export interface PickleTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
}

/** A list. */
export interface PickleList {
  readonly kind: 'list';
  readonly items: PickleValue[];
}

/** A dict or an OrderedDict. */
export interface PickleDict {
  readonly kind: 'dict';
  readonly items: Map<string | number, PickleValue>;
}

/** A name of Python's. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** A function and what it would be called with. */
export interface PickleCall {
  readonly kind: 'call';
  readonly name: string;
  readonly args: PickleTuple;
}

/** Something outside of the pickle, by what names it. */
export interface PickleReference {
  readonly kind: 'reference';
  readonly id: PickleValue;
}

/** An object that nobody reads: it was not made, and what it would hold is dropped. */
export interface PickleOpaque {
  readonly kind: 'opaque';
  readonly name: string;
}

/** Called with what is wrong. @param unsafe whether Python could be made to run code by it */
export type PickleFail = (what: string, unsafe?: boolean) => never;

/** Whether a value is of a kind. */
export const isKind = <K extends string>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { kind: K }> =>
  typeof value === 'object' && value !== null && value.kind === kind;
