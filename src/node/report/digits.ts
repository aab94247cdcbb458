/** Five significant digits, which no screen shows the end of; null for what is no finite number. */
export const digitsOf = (value: number): number | null =>
  Number.isFinite(value) ? Number(value.toPrecision(5)) : null;
