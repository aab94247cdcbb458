/** Prints the numbers of this world that the documents quote: `npx tsx examples/emoji/report.ts`. */

import { loadAtlas } from './atlas-file.js';
import { measureCorpus } from './corpus.js';
import { TASK_TYPES } from './forms.js';
import { isColorHeldOut, isColorPairHeldOut, isCountHeldOut, isPairHeldOut, MOST } from './holdout.js';
import { createEmojiModel, emojiCodebook } from './model.js';
import { COLORS, NOUNS } from './nouns.js';
import { enumeratePrompts, samplePrompts } from './prompts.js';
import { specOf } from './requirement.js';
import { TOKENIZER } from './vocabulary.js';

const share = (list: readonly boolean[]): string =>
  `${list.filter(Boolean).length} of ${list.length} (${((100 * list.filter(Boolean).length) / list.length).toFixed(1)} %)`;
const pairs = <T>(list: readonly T[]): [T, T][] =>
  list.flatMap((a, i) => list.slice(i + 1).map((b): [T, T] => [a, b]));
const atlas = loadAtlas();
const codebook = emojiCodebook(atlas);
const model = createEmojiModel(codebook);
const parameters = Object.values(model.variables).reduce((sum, { size }) => sum + size, 0);
model.dispose();
const tints = NOUNS.filter(({ tinted }) => tinted).flatMap(({ noun }) =>
  COLORS.map((color) => ({ noun, color })),
);
const colorRows = samplePrompts('heldout', 1000, 0, { tasks: ['color'] });

console.log(
  `nouns ${NOUNS.length}, sprites ${atlas.sprites.length}, image tokens ${codebook.size}, words ${TOKENIZER.size}, parameters ${parameters}`,
);
console.log(`held out: noun pairs ${share(pairs(NOUNS).map(([a, b]) => isPairHeldOut(a.noun, b.noun)))}`);
console.log(
  `  noun × count, from 3: ${share(NOUNS.flatMap(({ noun }) => Array.from({ length: MOST - 2 }, (_, i) => isCountHeldOut(noun, i + 3))))}`,
);
console.log(`  colour pairs: ${share(pairs(COLORS).map(([a, b]) => isColorPairHeldOut(a, b)))}`);
console.log(`  noun × colour: ${share(tints.map(({ noun, color }) => isColorHeldOut(noun, color)))}`);
console.log(
  `  colour prompts that ask for such a noun × colour: ${share(colorRows.map((row) => specOf(row).wanted.some(({ noun, color }) => color !== undefined && isColorHeldOut(noun, color))))}`,
);
for (const task of TASK_TYPES) {
  const count = (split: 'train' | 'heldout') => enumeratePrompts(split, task).length;
  console.log(`prompts, ${task}: ${count('train')} to train on, ${count('heldout')} held out`);
}
console.log('corpus, 20000 examples:', measureCorpus(20_000, 0));
