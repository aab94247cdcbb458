import { BicotError } from '../errors.js';

/** The spatial relations that have a rule. */
export type Relation = 'left' | 'right' | 'above' | 'below' | 'near';

const spellings: Readonly<Record<Relation, readonly string[]>> = {
  left: ['left', 'left of', 'on the left of', 'to the left of'],
  right: ['right', 'right of', 'on the right of', 'to the right of'],
  above: ['above', 'top of', 'on top of', 'on the top of'],
  below: ['below', 'under', 'beneath', 'underneath', 'on the bottom of'],
  near: ['near', 'next to', 'beside', 'on side of', 'on the side of'],
};

const relationOf: ReadonlyMap<string, Relation> = new Map(
  (Object.entries(spellings) as [Relation, readonly string[]][]).flatMap(([relation, words]) =>
    words.map((word) => [word, relation] as const),
  ),
);

/** Every wording of a place that has a rule: those of T2I-R1's prompt data and a few close synonyms. */
export const LOCALITIES: readonly string[] = [...relationOf.keys()];

/**
 * The relation that a wording means ("on top of" is `above`); case and extra blanks do not matter.
 * @throws BicotError `prompt-row` for a wording without a rule: scored as 0 it would silently punish every sample
 */
export function canonicalLocality(locality: string): Relation {
  const relation = relationOf.get(locality.trim().toLowerCase().replace(/\s+/g, ' '));
  if (relation !== undefined) return relation;
  throw new BicotError(
    'prompt-row',
    `locality "${locality}" has no spatial rule; expected one of: ${LOCALITIES.join(', ')}. Reword the row or drop it.`,
  );
}
