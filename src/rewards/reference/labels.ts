// Line numbers and numbers in brackets: see rules.ts beside this file.
import { type Detection, normalizeNoun } from '../detection.js';

/** A detection as the published code has it: under the detector's label, by centre and size. */
export interface Labelled {
  readonly label: string;
  readonly centreX: number;
  readonly centreY: number;
  readonly width: number;
  readonly height: number;
  readonly score: number;
}

/**
 * The label under which the published code finds each noun (grpo:63-82, gdino:157). (4) Of a noun of several words only
 * the first and the last are looked for, and the label is these two with a blank between: "ice cone" for "ice cream
 * cone", which no row ever asks for.
 */
export function referenceLabels(nouns: readonly string[]): string[] {
  const caption = Array.from(`${nouns.join(' . ')}.`); // by code points, as Python counts
  const part = (from: number, to: number): string => caption.slice(from, to).join('');
  let at = 0;
  return nouns.map((noun) => {
    const words = noun.trim().split(' ');
    const first = Array.from(words[0] ?? '').length;
    const start = at;
    // (4) Blanks around a single word are not counted here, which shifts the labels of all later nouns.
    const length = words.length === 1 ? first : Array.from(noun).length;
    at += length + 3;
    if (words.length === 1) return part(start, start + first);
    const last = Array.from(words.at(-1) ?? '').length;
    return `${part(start, start + first)} ${part(start + length - last, start + length)}`;
  });
}

/**
 * Detections under the labels of the row's nouns; what is none of them keeps the label that it would have alone.
 * (4) Labels are compared letter by letter later on, capitals included.
 */
export function labelled(nouns: readonly string[], detections: readonly Detection[]): Labelled[] {
  const labels = referenceLabels(nouns);
  const labelOf = (noun: string): string => {
    const exact = nouns.indexOf(noun);
    const at = exact >= 0 ? exact : nouns.findIndex((own) => normalizeNoun(own) === normalizeNoun(noun));
    return labels[at] ?? (referenceLabels([noun])[0] as string);
  };
  return detections.map(({ noun, box, score }) => ({
    label: labelOf(noun),
    centreX: (box.x0 + box.x1) / 2,
    centreY: (box.y0 + box.y1) / 2,
    width: box.x1 - box.x0,
    height: box.y1 - box.y0,
    score,
  }));
}
