/**
 * Selects the largest entries of an array until their weights reach a target: with all weights 1 that is top-k,
 * with probabilities as their own weights it is top-p. Equal values are taken in order of their index, so the
 * result is unique. A quickselect, so a large vocabulary is never sorted.
 *
 * @param order indices to choose from in `order[0 .. count)`; reordered so that the chosen ones come first
 * @param values compared, largest first
 * @param weights what is summed; absent: 1 each
 * @param target stop once the chosen entries weigh at least this much
 * @returns how many were chosen: at least 1
 */
export function selectLargest(
  order: Int32Array,
  count: number,
  values: Float64Array,
  weights: Float64Array | undefined,
  target: number,
): number {
  let begin = 0;
  let end = count;
  let missing = target;
  // Everything before `begin` is chosen; the boundary lies in [begin, end).
  while (end - begin > 1) {
    const middle = partition(order, begin, end, values);
    let weight = 0;
    if (weights === undefined) weight = middle - begin;
    else for (let i = begin; i < middle; i++) weight += weights[order[i] as number] as number;
    if (weight >= missing) {
      end = middle;
    } else {
      missing -= weight;
      begin = middle;
    }
  }
  return Math.min(end, count);
}

/** Splits `order[begin .. end)` into larger and smaller entries; both parts are non-empty. */
function partition(order: Int32Array, begin: number, end: number, values: Float64Array): number {
  const at = begin + ((end - begin) >> 1);
  const pivot = order[at] as number;
  swap(order, at, end - 1);
  let middle = begin;
  for (let i = begin; i < end - 1; i++) {
    if (isBefore(order[i] as number, pivot, values)) swap(order, i, middle++);
  }
  swap(order, middle, end - 1);
  // The pivot goes with the larger ones unless that leaves nothing for the others.
  return middle + 1 < end ? middle + 1 : middle;
}

function isBefore(a: number, b: number, values: Float64Array): boolean {
  const difference = (values[a] as number) - (values[b] as number);
  return difference > 0 || (difference === 0 && a < b);
}

function swap(order: Int32Array, i: number, j: number): void {
  const held = order[i] as number;
  order[i] = order[j] as number;
  order[j] = held;
}
