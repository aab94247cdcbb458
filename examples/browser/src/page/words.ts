import type { Vocabulary } from '../messages.js';
import { byId, el } from './dom.js';

/** Prompts of every kind, one with a composition that no training ever saw. */
const EXAMPLES = [
  'a photo of three dogs',
  'a dog above a bed',
  'a red car and a green umbrella',
  'the fruit that monkeys love below a bowl',
  'five cats',
] as const;

/** Offers examples of prompts. */
export function offerExamples(chosen: (prompt: string) => void): void {
  byId('examples').replaceChildren(
    ...EXAMPLES.map((text) => {
      const button = el('button', { type: 'button', class: 'chip' }, text);
      button.addEventListener('click', () => chosen(text));
      return el('li', {}, button);
    }),
  );
}

/** Lists every word that a prompt may use. */
export function listWords({ nouns, tinted, colors, numbers, places, riddles }: Vocabulary): void {
  const rows: [string, readonly string[]][] = [
    ['things', nouns],
    ['numbers', numbers],
    ['places', places],
    ['colours', colors],
    ['of these things', tinted],
    ['riddles', riddles],
  ];
  byId('words-list').replaceChildren(
    ...rows.flatMap(([name, words]) => [el('dt', {}, name), el('dd', {}, words.join(' · '))]),
  );
}
