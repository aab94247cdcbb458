/**
 * Reads the format by its specification and nothing of bicot's: the header's length, the header, and whether the tensors
 * fill the rest without gaps.
 * @throws Error if they do not
 */
export function readSafetensors(bytes) {
  const length = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8'));
  let at = 0;
  let values = 0;
  const entries = Object.entries(tensors).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [begin, end],
    },
  ] of entries) {
    const size = shape.reduce((product, side) => product * side, 1);
    if (dtype !== 'F32' || begin !== at || end - begin !== 4 * size) throw new Error(`${name} is malformed`);
    for (let i = begin; i < end; i += 4) {
      if (!Number.isFinite(bytes.readFloatLE(8 + length + i))) throw new Error(`${name} is not finite`);
    }
    at = end;
    values += size;
  }
  if (8 + length + at !== bytes.length) throw new Error('bytes are left over');
  return { metadata, values, tensors: entries.length };
}
