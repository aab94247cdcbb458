/** A number with a fixed number of decimals; a dash for what is not there. */
export function fixed(value: number | null | undefined, digits = 2): string {
  return value === null || value === undefined || Number.isNaN(value)
    ? '–'
    : value.toFixed(digits).replace('-', '−');
}

/** With its sign, a real minus. */
export function signed(value: number, digits = 2): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value > 0 ? '+' : '−'}${text}`;
}

/** A share as whole percent, with more digits where it is small. */
export function percent(share: number): string {
  if (Number.isNaN(share)) return '–';
  const value = 100 * share;
  return `${value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** Three significant digits, without exponents where they can be helped. */
export function short(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (value === 0) return '0';
  return Math.abs(value) < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

/** A count with separators. */
export const count = (value: number): string => value.toLocaleString('en');
