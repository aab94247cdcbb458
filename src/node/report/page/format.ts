const WHOLE = new Intl.NumberFormat('en');

/** A count: 10,000. */
export const whole = (value: number): string => WHOLE.format(value);

/** A number with so many digits as people read it; `–` for none. */
export function number(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    return value
      .toExponential(digits - 2)
      .replace(/\.?0+e/, 'e')
      .replace('e+', 'e')
      .replace(/-/g, '−');
  }
  const text =
    size >= 10 ** digits ? WHOLE.format(Math.round(value)) : String(Number(value.toPrecision(digits)));
  return text.replace('-', '−');
}

/** A number with three digits, zeros at its end too, so that numbers beside each other are as long. */
export function figures(value: number | null | undefined): string {
  const size = Math.abs(value ?? Number.NaN);
  if (size === 0 || !(size >= 1e-3 && size < 1e3)) return number(value, 3);
  return (value as number).toPrecision(3).replace('-', '−');
}

/** A number with its sign. */
export const signed = (value: number): string => `${value >= 0 ? '+' : ''}${figures(value)}`;

/** A time span as people say it. */
export function duration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A date and a time of the day, where the reader is. */
export const time = (at: number): string =>
  new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

/** `1 error`, `2 errors`. */
export const counted = (count: number, noun: string): string =>
  `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;
