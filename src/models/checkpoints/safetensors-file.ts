import { type Fail, LENGTH_BYTES, readHeader, readHeaderLength } from '../safetensors-header.js';
import { checkpointError, FETCH_AGAIN } from './failure.js';
import type { CheckpointFolder } from './folder.js';
import type { StoredDtype } from './source.js';
import { DTYPE_BYTES, type LocatedTensor } from './tensor-source.js';

/**
 * The tensors of a safetensors file, of which only the header is read. They must fill the file exactly, so that one that
 * was cut short is refused before anything is read from it.
 * @throws BicotError `checkpoint`
 */
export async function openSafetensors(folder: CheckpointFolder, file: string): Promise<LocatedTensor[]> {
  const fail: Fail = (what, cause) => {
    throw checkpointError(`${folder.path}/${file}`, what, FETCH_AGAIN, cause);
  };
  const size = await folder.size(file);
  const start = await folder.read(file, 0, Math.min(LENGTH_BYTES, size));
  const data = LENGTH_BYTES + readHeaderLength(start, size, fail);
  const { entries } = readHeader(await folder.read(file, LENGTH_BYTES, data), size - data, DTYPE_BYTES, fail);
  return entries.map(({ name, dtype, shape, begin, end }) => ({
    ...{ name, shape, file },
    dtype: dtype as StoredDtype,
    bytes: end - begin,
    begin: async () => data + begin,
  }));
}
