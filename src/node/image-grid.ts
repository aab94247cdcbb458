import { BicotError } from '../errors.js';
import { assertImage } from '../image/png.js';
import type { RgbImage } from '../policy/policy.js';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphPixel } from './font.js';

/** A colour, each channel 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** One picture of a grid. */
export interface GridCell {
  /** Of any size; cells are as wide as the widest. */
  readonly image: RgbImage;
  /** Paragraphs below the picture (a prompt, a plan); each starts a line and wraps between words. */
  readonly caption?: readonly string[];
  /** A frame around the picture, to mark it. */
  readonly frame?: Rgb;
}

/** How a grid is laid out. */
export interface GridOptions {
  /** Pictures per row. */
  readonly columns: number;
  /** Every picture pixel becomes `scale × scale`. Default 2. */
  readonly scale?: number;
  /** Characters per caption line; a cell is at least as wide. Default: what fits below the widest picture. */
  readonly captionColumns?: number;
  /** Every font pixel becomes `textScale × textScale`. Default 1. */
  readonly textScale?: number;
  /** A heading, one text size larger. Default: none. */
  readonly title?: string;
}

const BACKGROUND: Rgb = [255, 255, 255];
const INK: Rgb = [32, 33, 36];
const FAINT: Rgb = [95, 99, 104];
const GAP = 10;
const FRAME = 3;
const ADVANCE = GLYPH_WIDTH + 1;
const LEADING = GLYPH_HEIGHT + 2;

/**
 * Pictures in rows with their captions below, on white. The first caption line's paragraph is drawn dark and
 * the others grey, so that a prompt stands out from its plan. A pure function: same input, same pixels.
 * @throws BicotError `value` for an empty grid or options that are not whole numbers of at least 1; `shape`
 *   for an image whose data does not match its size
 */
export function imageGrid(cells: readonly GridCell[], options: GridOptions): RgbImage {
  const { columns, scale = 2, textScale = 1, title } = options;
  assertCounts({ columns, scale, textScale, captionColumns: options.captionColumns ?? 1 });
  if (cells.length === 0) {
    throw new BicotError('value', 'imageGrid: no cells. Pass at least one picture.');
  }
  for (const { image } of cells) assertImage(image, 'imageGrid');

  const pictureWidth = Math.max(...cells.map(({ image }) => image.width)) * scale;
  const captionColumns =
    options.captionColumns ?? Math.max(1, Math.floor((pictureWidth + textScale) / (ADVANCE * textScale)));
  const textWidth = captionColumns * ADVANCE * textScale - textScale;
  const cellWidth = Math.max(pictureWidth, textWidth) + 2 * FRAME;
  const captions = cells.map(({ caption = [] }) => caption.map((line) => wrapWords(line, captionColumns)));
  const rows = gridRows(cells, captions, columns, scale, LEADING * textScale);

  const titleScale = textScale + 1;
  const width = GAP + Math.min(columns, cells.length) * (cellWidth + GAP);
  const titleLines =
    title === undefined
      ? []
      : wrapWords(title, Math.max(1, Math.floor((width - 2 * (GAP + FRAME)) / (ADVANCE * titleScale))));
  const titleHeight = titleLines.length === 0 ? 0 : titleLines.length * LEADING * titleScale + GAP;
  const height = GAP + titleHeight + rows.reduce((sum, row) => sum + row.height + GAP, 0);

  const canvas = blank(width, height);
  titleLines.forEach((line, i) => {
    drawText(canvas, line, GAP + FRAME, GAP + i * LEADING * titleScale, titleScale, INK);
  });
  let top = GAP + titleHeight;
  for (const row of rows) {
    for (let i = row.begin; i < row.end; i++) {
      const left = GAP + (i - row.begin) * (cellWidth + GAP);
      const cell = cells[i] as GridCell;
      drawPicture(canvas, cell, left, top, scale);
      let y = top + row.pictureHeight + 2 * textScale;
      (captions[i] as string[][]).forEach((paragraph, p) => {
        for (const line of paragraph) {
          drawText(canvas, line, left + FRAME, y, textScale, p === 0 ? INK : FAINT);
          y += LEADING * textScale;
        }
      });
    }
    top += row.height + GAP;
  }
  return canvas;
}

/** Breaks text between words into lines of at most `columns` characters; a longer word is cut. */
export function wrapWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((w) => w !== '')) {
    let rest = word;
    if (line !== '' && line.length + 1 + rest.length <= columns) {
      line += ` ${rest}`;
      continue;
    }
    if (line !== '') lines.push(line);
    while (rest.length > columns) {
      lines.push(rest.slice(0, columns));
      rest = rest.slice(columns);
    }
    line = rest;
  }
  if (line !== '') lines.push(line);
  return lines;
}

interface GridRow {
  readonly begin: number;
  readonly end: number;
  readonly pictureHeight: number;
  readonly height: number;
}

function gridRows(
  cells: readonly GridCell[],
  captions: readonly string[][][],
  columns: number,
  scale: number,
  leading: number,
): GridRow[] {
  const rows: GridRow[] = [];
  for (let begin = 0; begin < cells.length; begin += columns) {
    const end = Math.min(begin + columns, cells.length);
    const pictures = cells.slice(begin, end).map(({ image }) => image.height * scale + 2 * FRAME);
    const lines = captions.slice(begin, end).map((caption) => caption.flat().length);
    const pictureHeight = Math.max(...pictures);
    rows.push({ begin, end, pictureHeight, height: pictureHeight + Math.max(...lines) * leading });
  }
  return rows;
}

function drawPicture(
  canvas: RgbImage,
  { image, frame }: GridCell,
  left: number,
  top: number,
  scale: number,
): void {
  const width = image.width * scale;
  const height = image.height * scale;
  if (frame) fill(canvas, left, top, width + 2 * FRAME, height + 2 * FRAME, frame);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (Math.floor(y / scale) * image.width + Math.floor(x / scale)) * 3;
      const to = ((top + FRAME + y) * canvas.width + left + FRAME + x) * 3;
      canvas.data.set(image.data.subarray(from, from + 3), to);
    }
  }
}

function drawText(
  canvas: RgbImage,
  text: string,
  left: number,
  top: number,
  scale: number,
  colour: Rgb,
): void {
  [...text].forEach((character, i) => {
    for (let y = 0; y < GLYPH_HEIGHT; y++) {
      for (let x = 0; x < GLYPH_WIDTH; x++) {
        if (!glyphPixel(character, x, y)) continue;
        fill(canvas, left + (i * ADVANCE + x) * scale, top + y * scale, scale, scale, colour);
      }
    }
  });
}

function fill(canvas: RgbImage, left: number, top: number, width: number, height: number, colour: Rgb): void {
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) canvas.data.set(colour, (y * canvas.width + x) * 3);
  }
}

function blank(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  const canvas = { width, height, data };
  fill(canvas, 0, 0, width, height, BACKGROUND);
  return canvas;
}

function assertCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1) {
      throw new BicotError('value', `imageGrid: ${name} is ${value}; pass a whole number of at least 1.`);
    }
  }
}
