import { type Cursor, startCursor } from './cursor.js';
import {
  isKind,
  type PickleDict,
  type PickleFail,
  type PickleList,
  type PickleTuple,
  type PickleValue,
} from './pickle-value.js';
import { emptyStack, type Stack } from './stack.js';

/** Which names of Python's a pickle may have. */
export interface PickleRules {
  /** Those that it may call. */
  readonly functions: ReadonlySet<string>;
  /** Those that it may only mention. */
  readonly names: ReadonlySet<string>;
  /** Classes of which it may hold objects, which nobody reads. Default none. */
  readonly opaque?: ReadonlySet<string>;
}

const ORDERED_DICT = 'collections.OrderedDict';

// A state dict of a thousand tensors takes about 30,000 operations.
const MAX_OPERATIONS = 2_000_000;

/**
 * Reads a pickle of protocol 2 as far as state dicts need it: atoms, tuples, lists, dicts, and the calls and names that the
 * rules have. It takes time and memory in proportion to its length, and nothing is ever called.
 */
export function unpickle(bytes: Uint8Array, rules: PickleRules, fail: PickleFail): PickleValue {
  if (bytes[0] !== 0x80 || bytes[1] !== 2) fail('it is no pickle of protocol 2, which torch.save writes');
  const cursor = startCursor(bytes.subarray(2), fail);
  const stack = emptyStack(fail);
  const machine: Machine = { cursor, stack, memory: new Map(), rules, fail };
  for (let done = 0; done < MAX_OPERATIONS; done++) {
    const operation = cursor.uint(1);
    if (operation === STOP) return lastValue(machine);
    const step = STEPS.get(operation) ?? refuse(operation, stack, fail);
    step(machine);
  }
  return fail(`it has more than ${MAX_OPERATIONS} operations`);
}

function lastValue({ stack, cursor, fail }: Machine): PickleValue {
  const value = stack.pop();
  if (stack.depth() > 0 || cursor.left() > 0) fail('something is left over at its end');
  return value;
}

const STOP = 0x2e;
const STACK_GLOBAL = 0x93;
const NEW_OBJECT = 0x81;

function refuse(operation: number, stack: Stack, fail: PickleFail): never {
  if (operation === STACK_GLOBAL && stack.depth() >= 2) {
    const [module, name] = stack.popMany(2);
    fail(`it names ${String(module)}.${String(name)}`, true);
  }
  return fail(`it has the operation 0x${operation.toString(16)}, which no tensor needs`, true);
}

interface Machine {
  readonly cursor: Cursor;
  readonly stack: Stack;
  readonly memory: Map<number, PickleValue>;
  readonly rules: PickleRules;
  readonly fail: PickleFail;
}

type Step = (machine: Machine) => void;

const tuple = (items: readonly PickleValue[]): PickleTuple => ({ kind: 'tuple', items });
const emptyList = (): PickleList => ({ kind: 'list', items: [] });
const emptyDict = (): PickleDict => ({ kind: 'dict', items: new Map() });
const constant =
  (value: null | boolean): Step =>
  ({ stack }) =>
    stack.push(value);
const store =
  (bytes: number): Step =>
  ({ cursor, stack, memory }) =>
    void memory.set(cursor.uint(bytes), stack.top());
const recall =
  (bytes: number): Step =>
  ({ cursor, stack, memory, fail }) => {
    const value = memory.get(cursor.uint(bytes));
    stack.push(value === undefined ? fail('it remembers what it never stored') : value);
  };
const tupleOf =
  (count: number): Step =>
  ({ stack }) =>
    stack.push(tuple(stack.popMany(count)));

/** By operation (Python's pickletools has them all). */
const STEPS: ReadonlyMap<number, Step> = new Map<number, Step>([
  [0x4e, constant(null)], // NONE
  [0x88, constant(true)], // NEWTRUE
  [0x89, constant(false)], // NEWFALSE
  [0x4b, ({ cursor, stack }) => stack.push(cursor.uint(1))], // BININT1
  [0x4d, ({ cursor, stack }) => stack.push(cursor.uint(2))], // BININT2
  [0x4a, ({ cursor, stack }) => stack.push(cursor.int(4))], // BININT
  [0x8a, pushLong], // LONG1
  [0x47, ({ cursor, stack }) => stack.push(cursor.float())], // BINFLOAT
  [0x58, ({ cursor, stack }) => stack.push(cursor.text(cursor.uint(4)))], // BINUNICODE
  [0x5d, ({ stack }) => stack.push(emptyList())], // EMPTY_LIST
  [0x61, (machine) => append(machine, machine.stack.popMany(1))], // APPEND
  [0x65, (machine) => append(machine, machine.stack.popToMark())], // APPENDS
  [0x7d, ({ stack }) => stack.push(emptyDict())], // EMPTY_DICT
  [0x29, ({ stack }) => stack.push(tuple([]))], // EMPTY_TUPLE
  [0x85, tupleOf(1)], // TUPLE1
  [0x86, tupleOf(2)], // TUPLE2
  [0x87, tupleOf(3)], // TUPLE3
  [0x28, ({ stack }) => stack.mark()], // MARK
  [0x74, ({ stack }) => stack.push(tuple(stack.popToMark()))], // TUPLE
  [0x71, store(1)], // BINPUT
  [0x72, store(4)], // LONG_BINPUT
  [0x68, recall(1)], // BINGET
  [0x6a, recall(4)], // LONG_BINGET
  [0x73, (machine) => setItems(machine, machine.stack.popMany(2))], // SETITEM
  [0x75, (machine) => setItems(machine, machine.stack.popToMark())], // SETITEMS
  [0x63, pushGlobal], // GLOBAL
  [0x51, ({ stack }) => stack.push({ kind: 'reference', id: stack.pop() })], // BINPERSID
  [0x52, (machine) => machine.stack.push(called(machine))], // REDUCE
  [NEW_OBJECT, newObject], // NEWOBJ
  [0x62, dropState], // BUILD
]);

function pushLong({ cursor, stack, fail }: Machine): void {
  const bytes = cursor.uint(1);
  if (bytes > 8) fail(`it has a number of ${bytes} bytes`);
  stack.push(cursor.int(bytes));
}

function append({ stack, fail }: Machine, items: readonly PickleValue[]): void {
  const list = listOf(stack.top(), fail);
  for (const item of items) list.items.push(item);
}

function setItems({ stack, fail }: Machine, items: readonly PickleValue[]): void {
  const { items: known } = dictOf(stack.top(), fail);
  if (items.length % 2 !== 0) fail('a key has no value');
  for (let i = 0; i < items.length; i += 2) {
    const key = keyOf(items[i], fail);
    if (known.has(key)) fail(`the key ${JSON.stringify(key)} occurs twice`);
    known.set(key, items[i + 1] as PickleValue);
  }
}

const dictOf = (value: PickleValue, fail: PickleFail): PickleDict =>
  isKind(value, 'dict') ? value : fail('it changes something that is no dict', true);

const listOf = (value: PickleValue, fail: PickleFail): PickleList =>
  isKind(value, 'list') ? value : fail('it adds to something that is no list', true);

const keyOf = (value: PickleValue | undefined, fail: PickleFail): string | number =>
  typeof value === 'string' || typeof value === 'number' ? value : fail('a key is neither text nor a number');

function pushGlobal({ cursor, stack, rules, fail }: Machine): void {
  const module = cursor.line();
  const name = `${module}.${cursor.line()}`;
  const known = [rules.names, rules.functions, rules.opaque].some((names) => names?.has(name));
  if (!known && name !== ORDERED_DICT) fail(`it names ${name}`, true);
  stack.push({ kind: 'global', name });
}

/** What a call gives: an empty dict, or a note of the call. */
function called({ stack, rules, fail }: Machine): PickleValue {
  const [target, args] = stack.popMany(2) as [PickleValue, PickleValue];
  if (!isKind(args, 'tuple')) return fail('it calls something without arguments', true);
  if (!isKind(target, 'global')) return fail('it calls something that has no name', true);
  const { name } = target;
  if (name === ORDERED_DICT && args.items.length === 0) return emptyDict();
  return rules.functions.has(name) ? { kind: 'call', name, args } : fail(`it calls ${name}`, true);
}

/** An object in whose place something opaque stands: no class is looked up, and none is called. */
function newObject({ stack, rules, fail }: Machine): void {
  const [target, args] = stack.popMany(2) as [PickleValue, PickleValue];
  const bare = isKind(args, 'tuple') && args.items.length === 0;
  const known = bare && isKind(target, 'global') && rules.opaque?.has(target.name) === true;
  stack.push(known ? { kind: 'opaque', name: target.name } : refuse(NEW_OBJECT, stack, fail));
}

/** Module.state_dict() hangs the versions of its layers on its dict: not needed, but nothing else may have a state. */
function dropState({ stack, fail }: Machine): void {
  const [target, state] = stack.popMany(2) as [PickleValue, PickleValue];
  dictOf(state, fail);
  stack.push(isKind(target, 'opaque') ? target : dictOf(target, fail));
}
