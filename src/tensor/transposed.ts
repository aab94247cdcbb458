/**
 * A host matrix the other way round.
 * @param values `[rows, columns]`
 * @returns `[columns, rows]`, an array of its own
 */
export function transposed(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return turned;
}
