import { describe, expect, it } from 'vitest';
import { keepDrawable } from './drawable.js';
import { FORMS } from './forms.js';
import { readPrompt } from './read-prompt.js';

const rowOf = (text: string) => {
  const read = readPrompt(text);
  if (read.kind === 'problem') expect.fail(`${text}: ${read.message}`);
  return read.row;
};
const problemOf = (text: string): string => {
  const read = readPrompt(text);
  return read.kind === 'problem' ? read.message : `read as ${JSON.stringify(read.row)}`;
};

describe('a typed prompt', () => {
  it('that is one of the world says what the world meant by it', () => {
    let read = 0;
    for (const form of FORMS) {
      // A stride that is prime to the sizes reaches every digit of a form's numbering.
      for (let index = 0; index < form.size; index += 37) {
        const row = form.row(index);
        if (keepDrawable([row]).kept.length === 0) {
          expect(problemOf(row.prompt)).toMatch(/can draw|own colour/);
          continue;
        }
        // Some prompts are worded with and without "a photo of"; one of the two comes back.
        const { prompt, ...meaning } = rowOf(row.prompt);
        const { prompt: asked, ...meant } = row;
        expect(meaning, asked).toEqual(meant);
        expect(prompt.replace(/^a photo of /, '')).toBe(asked.replace(/^a photo of /, ''));
        read++;
      }
    }
    expect(read).toBeGreaterThan(2000);
  });

  it.each([
    ['A Dog, and a CAT!', 'a photo of a dog and a cat'],
    ['dog and cat', 'a photo of a dog and a cat'],
    ['3 bananas', 'a photo of three bananas'],
    ['a dog and 2 cats', 'one dog and two cats'],
    ['striped animal', 'a photo of the striped animal'],
    ['the animal that eats grass and moos', 'a photo of the animal that eats grass and moos'],
    ['dog above bed', 'a photo of a dog above a bed'],
    ['an umbrella on the left of a tv', 'an umbrella on the left of a tv'],
  ])('may be careless: "%s"', (text, prompt) => expect(rowOf(text).prompt).toBe(prompt));

  it.each([
    ['', /empty/],
    ['a unicorn on the moon', /“unicorn”, “moon”/],
    ['a red banana', /own colour only.*bird/],
    ['a red car and a dog', /both things a colour/],
    ['two dogs above a bed', /without numbers/],
    ['a dog and a dog', /one noun asked for twice/],
    ['and of the', /not the sentence/],
    ['a bed above the striped animal', /riddle comes first/],
    ['eight wine glasses and eight hot dogs', /too many objects/],
    ['three red cars', /not the sentence/],
  ])('that the world lacks is refused in words: "%s"', (text, message) =>
    expect(problemOf(text)).toMatch(message),
  );
});
