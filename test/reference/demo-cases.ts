/**
 * Writes what `demo_policy.py` reads, `../fixtures/demo/cases.json`: prompts of the demo as token ids, and the random
 * numbers that plans and pictures are drawn with.
 *
 *     npx tsx test/reference/demo-cases.ts
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadAtlas } from '../../examples/emoji/atlas-file.js';
import { createEmojiModel, emojiCodebook, semanticContext } from '../../examples/emoji/model.js';
import { PLAN_TOKENS } from '../../examples/emoji/plan.js';
import { IMAGE } from '../../examples/emoji/vocabulary.js';
import { DEMO_PROMPTS, DEMO_TEMPERATURES, demoStream } from '../support/demo-prompts.js';

const model = createEmojiModel(emojiCodebook(loadAtlas()));
const { config } = model;
model.dispose();
const numbers = (row: number, level: 'semantic' | 'token', count: number) => {
  const stream = demoStream(row, level);
  return Array.from({ length: count }, () => stream());
};
const rows = DEMO_PROMPTS.map((prompt, row) => ({
  prompt: prompt.prompt,
  context: [...semanticContext(prompt).ids],
  uniforms: {
    semantic: numbers(row, 'semantic', PLAN_TOKENS),
    token: numbers(row, 'token', config.imageLength),
  },
}));
const head = JSON.stringify({
  config,
  temperatures: DEMO_TEMPERATURES,
  planTokens: PLAN_TOKENS,
  imageToken: IMAGE,
});
const lines = rows.map((row) => JSON.stringify(row)).join(',\n');
writeFileSync(
  fileURLToPath(new URL('../fixtures/demo/cases.json', import.meta.url)),
  `${head.slice(0, -1)},"rows":[\n${lines}\n]}\n`,
);
