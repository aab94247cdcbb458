/** Rows of a table: y[i] = table[ids[i]], n rows of d out of `rows`. An id out of range reads zeros, not the heap. */
export function gatherRows(n: i32, d: i32, rows: i32, table: usize, ids: usize, y: usize): void {
  const row = <usize>d << 2;
  for (let i = 0; i < n; i++) {
    const id = load<u32>(ids);
    if (id < <u32>rows) memory.copy(y, table + <usize>id * row, row);
    else memory.fill(y, 0, row);
    ids += 4;
    y += row;
  }
}

/** out[ids[i]] += x[i], in the order of i, from zeros; out has `rows` rows. Ids out of range add nothing. */
export function scatterAddRows(n: i32, d: i32, x: usize, ids: usize, rows: i32, out: usize): void {
  const row = <usize>d << 2, body = row & ~15;
  memory.fill(out, 0, <usize>rows * row);
  for (let i = 0; i < n; i++) {
    const id = load<u32>(ids);
    if (id < <u32>rows) {
      const to = out + <usize>id * row;
      let j: usize = 0;
      for (; j < body; j += 16) v128.store(to + j, f32x4.add(v128.load(to + j), v128.load(x + j)));
      for (; j < row; j += 4) store<f32>(to + j, load<f32>(to + j) + load<f32>(x + j));
    }
    ids += 4;
    x += row;
  }
}
