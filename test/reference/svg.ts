/** Just enough SVG for the documents' pictures. */

export const INK = '#1f2933';
export const SOFT = '#6b7a89';
export const LINE = '#c5ced8';
export const BLUE = '#2563eb';
export const GREEN = '#12855c';
export const RED = '#c2372e';
export const AMBER = '#b7791f';

interface TextOptions {
  readonly size?: number;
  readonly fill?: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly weight?: number;
  readonly mono?: boolean;
}

const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const round = (value: number) => String(Number(value.toFixed(1)));

export function say(x: number, y: number, text: string, options: TextOptions = {}): string {
  const { size = 13, fill = INK, anchor = 'start', weight = 400, mono = false } = options;
  const family = mono
    ? 'ui-monospace, Menlo, Consolas, monospace'
    : 'system-ui, Segoe UI, Helvetica, Arial, sans-serif';
  return `<text x="${round(x)}" y="${round(y)}" font-family="${family}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${escaped(text)}</text>`;
}

export const box = (
  x: number,
  y: number,
  width: number,
  height: number,
  fill: string,
  stroke = LINE,
  radius = 6,
) =>
  `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${radius}" fill="${fill}" stroke="${stroke}"/>`;

export const line = (x1: number, y1: number, x2: number, y2: number, stroke = LINE, more = '') =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${stroke}" ${more}/>`;

export const arrow = (x1: number, y1: number, x2: number, y2: number, stroke = SOFT) =>
  line(x1, y1, x2, y2, stroke, 'stroke-width="1.6" marker-end="url(#head)"');

/** One token: a word in a box. */
export const token = (x: number, y: number, word: string, fill: string, width = 20 + 8 * word.length) =>
  box(x, y, width, 28, fill) + say(x + width / 2, y + 19, word, { anchor: 'middle', mono: true, size: 13 });

/** A picture of n × n flat patches. */
export function mosaic(x: number, y: number, side: number, colors: readonly string[]): string {
  const n = Math.sqrt(colors.length);
  const cells = colors.map((color, i) => {
    const [left, top] = [x + (i % n) * side, y + Math.floor(i / n) * side];
    return `<rect x="${round(left)}" y="${round(top)}" width="${side}" height="${side}" fill="${color}"/>`;
  });
  return (
    cells.join('') +
    `<rect x="${round(x)}" y="${round(y)}" width="${n * side}" height="${n * side}" fill="none" stroke="${LINE}"/>`
  );
}

export function picture(title: string, width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<title>${escaped(title)}</title>
<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="${SOFT}"/></marker></defs>
<rect width="${width}" height="${height}" rx="10" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

interface Axes {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly at: readonly [left: number, top: number, width: number, height: number];
}

/** Axes through 0, ticks, and a function from numbers to the picture. */
export function axes(
  { x, y, at: [left, top, width, height] }: Axes,
  ticks: { x: readonly number[]; y: readonly number[] },
) {
  const px = (value: number) => left + ((value - x[0]) / (x[1] - x[0])) * width;
  const py = (value: number) => top + height - ((value - y[0]) / (y[1] - y[0])) * height;
  const ground = Math.max(y[0], 0);
  const drawn = [
    line(left, py(ground), left + width, py(ground), SOFT),
    line(px(Math.max(x[0], 0)), top, px(Math.max(x[0], 0)), top + height, SOFT),
    ...ticks.x.map(
      (tick) =>
        line(px(tick), py(ground) - 3, px(tick), py(ground) + 3, SOFT) +
        say(px(tick), py(ground) + 18, String(tick).replace('-', '−'), {
          anchor: 'middle',
          size: 11,
          fill: SOFT,
        }),
    ),
    ...ticks.y.map(
      (tick) =>
        line(px(Math.max(x[0], 0)) - 3, py(tick), px(Math.max(x[0], 0)) + 3, py(tick), SOFT) +
        say(px(Math.max(x[0], 0)) - 8, py(tick) + 4, String(tick).replace('-', '−'), {
          anchor: 'end',
          size: 11,
          fill: SOFT,
        }),
    ),
  ];
  const curve = (xs: readonly number[], ys: ArrayLike<number>, stroke: string, more = '') =>
    `<polyline fill="none" stroke="${stroke}" stroke-width="2.2" ${more} points="${xs.map((value, i) => `${round(px(value))},${round(py(ys[i] as number))}`).join(' ')}"/>`;
  return { px, py, drawn, curve };
}
