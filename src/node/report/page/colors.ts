import { h } from './dom.js';

/** Colours that differ for colour-blind eyes too; `page.css` has them for both themes. */
export const COLORS = 8;

/** Dashes of the curves of one run, and of those whose colour was used before. */
export const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/** A variable of the page's style, as it is now. */
export const styleValue = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour of a run or of a curve. */
export const colorOf = (index: number): string => styleValue(`--curve-${index % COLORS}`);

/** A piece of the line that stands for a run or a curve. */
export const swatch = (color: number, dash = 0): HTMLElement =>
  h('span', { class: `swatch curve-${color % COLORS} dash-${dash % DASHES.length}`, 'aria-hidden': 'true' });
