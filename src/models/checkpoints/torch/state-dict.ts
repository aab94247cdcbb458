import { sizeOf } from '../../safetensors-header.js';
import { checkpointError, FETCH_AGAIN } from '../failure.js';
import type { CheckpointFolder } from '../folder.js';
import type { StoredDtype } from '../source.js';
import { DTYPE_BYTES, type LocatedTensor } from '../tensor-source.js';
import { tensorsWithin } from './nested.js';
import { type PickleRules, unpickle } from './pickle.js';
import { isKind, type PickleFail, type PickleValue } from './pickle-value.js';
import { openZip, type ZipEntry } from './zip.js';

const REBUILD = 'torch._utils._rebuild_tensor_v2';

const FLOATS: Readonly<Record<string, StoredDtype>> = {
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
};

const STORAGES: Readonly<Record<string, StoredDtype>> = {
  ...FLOATS,
  'torch.DoubleStorage': 'F64',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

const RULES: PickleRules = { functions: new Set([REBUILD]), names: new Set(Object.keys(FLOATS)) };

/** What training scripts write beside the model: steps of an optimizer are whole numbers, options an `argparse.Namespace`. */
const NESTED_RULES: PickleRules = {
  functions: RULES.functions,
  names: new Set(Object.keys(STORAGES)),
  opaque: new Set(['argparse.Namespace']),
};

/** That of a model with a thousand tensors has 150 KB. */
const MAX_PICKLE_BYTES = 2 ** 24;

const CONVERT =
  'Convert it in Python: safetensors.torch.save_file({k: v.contiguous() for k, v in torch.load(file, weights_only=True).items()}, "model.safetensors").';

const UNSAFE =
  'A state dict of plain tensors needs no such thing, and loading this file in Python could run code of whoever made it; nothing was run here. Get the weights as safetensors.';

/** How a file of `torch.save` is read. */
export interface StateDictOptions {
  /**
   * Whether it may be what a training script wrote: dicts within dicts, whose keys are joined by dots, and beside tensors
   * other data, which is left out. Default false: a dict of tensors and nothing else.
   */
  readonly nested?: boolean;
}

/**
 * The tensors of a file that `torch.save` wrote of a state dict (PyTorch 1.6 or later), of which only the directory and
 * the pickle are read. The pickle is read as data: nothing that it names is ever called.
 * @throws BicotError `checkpoint` for a file that is damaged, is big-endian, names anything of Python's but tensors of
 *   float32, float16 and bfloat16 (or, nested, of other numbers, and `argparse.Namespace`), or holds a tensor that is
 *   not contiguous
 */
export async function openStateDict(
  folder: CheckpointFolder,
  file: string,
  { nested = false }: StateDictOptions = {},
): Promise<LocatedTensor[]> {
  const where = `${folder.path}/${file}`;
  const fail: PickleFail = (what, unsafe = false) => {
    throw checkpointError(where, `data.pkl: ${what}`, unsafe ? UNSAFE : FETCH_AGAIN);
  };
  const entries = await openZip(folder, file);
  const root = rootOf(entries, where);
  await assertLittleEndian(folder, file, entries.get(`${root}/byteorder`));
  const pickle = entries.get(`${root}/data.pkl`) as ZipEntry;
  if (pickle.bytes > MAX_PICKLE_BYTES) fail(`it has ${pickle.bytes} bytes, too many to describe a model`);
  const state = unpickle(await readEntry(folder, file, pickle), nested ? NESTED_RULES : RULES, fail);
  if (!isKind(state, 'dict')) return fail('it holds no dict of tensors');
  return (nested ? tensorsWithin(state, fail) : [...state.items]).map(([name, value]) => {
    const wrong = (what: string, advice = FETCH_AGAIN): never => {
      throw checkpointError(where, `${name} ${what}`, advice);
    };
    const { storage, offset, shape } = readTensor(value, (key) => entries.get(`${root}/data/${key}`), wrong);
    const size = DTYPE_BYTES[storage.dtype];
    return {
      ...{ name: String(name), dtype: storage.dtype, shape, file },
      bytes: sizeOf(shape) * size,
      begin: async () => (await storage.entry.begin()) + offset * size,
    };
  });
}

async function readEntry(folder: CheckpointFolder, file: string, entry: ZipEntry): Promise<Uint8Array> {
  const begin = await entry.begin();
  return folder.read(file, begin, begin + entry.bytes);
}

/** The folder in the archive that everything lies in. */
function rootOf(entries: ReadonlyMap<string, ZipEntry>, where: string): string {
  const [root, ...more] = [...entries.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? []);
  if (root !== undefined && more.length === 0) return root;
  throw checkpointError(
    where,
    `the archive holds ${more.length + (root === undefined ? 0 : 1)} files DIR/data.pkl; one was expected`,
    'It was not written by torch.save; get the weights as safetensors.',
  );
}

async function assertLittleEndian(folder: CheckpointFolder, file: string, entry?: ZipEntry): Promise<void> {
  if (entry === undefined) return;
  const order =
    entry.bytes <= 16 ? new TextDecoder().decode(await readEntry(folder, file, entry)) : 'unknown';
  if (order === 'little') return;
  throw checkpointError(
    `${folder.path}/${file}`,
    `its numbers are ${JSON.stringify(order)}-endian; little-endian ones can be read`,
    'Save it again on a little-endian machine.',
  );
}

type Wrong = (what: string, advice?: string) => never;

interface Storage {
  readonly dtype: StoredDtype;
  readonly entry: ZipEntry;
  /** How many numbers it has. */
  readonly count: number;
}

/** A tensor within its storage; offset in numbers. */
interface TensorView {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
}

/** Arguments of `_rebuild_tensor_v2`: storage, offset, size, stride, requires_grad, backward hooks. */
function readTensor(
  value: PickleValue,
  find: (key: string) => ZipEntry | undefined,
  wrong: Wrong,
): TensorView {
  if (!isKind(value, 'call')) {
    return wrong('is no tensor', `A dict of tensors and nothing else can be read. ${CONVERT}`);
  }
  const [reference, offset, size, stride, ...more] = value.args.items;
  const shape = counts(size);
  const strides = counts(stride);
  if (!isCount(offset) || shape === undefined || strides?.length !== shape.length || more.length !== 2) {
    return wrong('has no offset, size and stride');
  }
  const numbers = sizeOf(shape);
  if (!Number.isSafeInteger(numbers)) wrong(`has the shape [${shape.join(', ')}], larger than any memory`);
  const storage = readStorage(reference, find, wrong);
  if (offset + numbers > storage.count) {
    wrong(`has ${numbers} numbers from number ${offset} on, but its storage has ${storage.count}`);
  }
  if (!isContiguous(shape, strides)) {
    wrong(
      `is not contiguous: its shape is [${shape.join(', ')}], its strides are [${strides.join(', ')}]`,
      CONVERT,
    );
  }
  return { storage, offset, shape };
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** A tuple of numbers of at least 0. */
function counts(value: PickleValue | undefined): readonly number[] | undefined {
  if (!isKind(value, 'tuple')) return undefined;
  return value.items.every(isCount) ? (value.items as readonly number[]) : undefined;
}

/** ("storage", class, key, device, numbers), whose bytes are the entry of that key. */
function readStorage(
  value: PickleValue | undefined,
  find: (key: string) => ZipEntry | undefined,
  wrong: Wrong,
): Storage {
  const id = isKind(value, 'reference') ? value.id : undefined;
  const parts = isKind(id, 'tuple') ? id.items : [];
  const [word, type, key, device, count] = parts;
  const dtype = isKind(type, 'global') ? STORAGES[type.name] : undefined;
  const described = word === 'storage' && typeof key === 'string' && typeof device === 'string';
  if (parts.length !== 5 || !described || dtype === undefined || !isCount(count))
    return wrong('has no storage');
  const entry = find(key);
  if (entry === undefined) return wrong(`lies in the storage ${JSON.stringify(key)}, which is missing`);
  if (count * DTYPE_BYTES[dtype] !== entry.bytes) {
    wrong(`lies in a storage of ${count} numbers of ${dtype}, which has ${entry.bytes} bytes`);
  }
  return { dtype, entry, count };
}

/** Whether the numbers lie in the order of the shape, row by row. Steps along an axis of 1 are never made. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (sizeOf(shape) === 0) return true;
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== step) return false;
    step *= shape[axis] as number;
  }
  return true;
}
