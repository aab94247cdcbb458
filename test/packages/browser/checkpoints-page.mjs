/** A run in a page that is saved in IndexedDB, and goes on after the page was loaded anew. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

const SOURCE = `
import * as tf from '@tensorflow/tfjs';
import { biLevelRollout, balanced, score, train, withoutTiming } from './src/index.ts';
import { createTransformer } from './src/models/index.ts';
import { indexedDbFolder } from './src/browser/indexed-db-folder.ts';

/** Makes steps, or goes on with those that are saved; gives the metrics of each, as text. */
globalThis.makeSteps = async (steps, name) => {
  await tf.setBackend('cpu');
  const policy = createTransformer(
    { textVocabulary: 12, imageVocabulary: 16, imageLength: 4, endToken: 2, specialTokens: 4, width: 8, layers: 1, heads: 1, hidden: 8 },
    { seed: 1 },
  );
  const made = [];
  for await (const { metrics } of train({
    policy,
    rollout: biLevelRollout({
      policy,
      semantic: { space: 'text', sampling: { maxTokens: 4 }, context: (prompt) => ({ ids: Int32Array.of(1, prompt, 2) }) },
      token: { space: 'image', sampling: {}, context: (prompt, plan) => ({ ids: Int32Array.of(1, prompt, ...plan.ids, 3) }) },
    }),
    reward: async (samples) => samples.map(({ tokens }) => score(tokens.semantic.length)),
    prompts: [5, 6],
    steps, groupSize: 4, promptsPerStep: 2, learningRate: 0.01, objective: balanced({ klWeight: 0.1 }),
    ...(name && { checkpoints: { folder: indexedDbFolder(name), every: 2 }, resume: 'auto' }),
  })) made.push(JSON.stringify(withoutTiming(metrics)));
  policy.dispose();
  return made;
};
`;

/** The page's program, in one piece. */
function program() {
  const { buildSync } = createRequire(join(root, 'package.json'))('esbuild');
  const { outputFiles } = buildSync({
    stdin: { contents: SOURCE, resolveDir: root, loader: 'ts' },
    ...{
      bundle: true,
      write: false,
      logLevel: 'error',
      format: 'iife',
      platform: 'browser',
      target: 'es2022',
    },
    // Node's own modules, which no page reaches.
    external: ['node:*', 'fs', 'os', 'util', 'string_decoder', 'crypto', 'worker_threads'],
  });
  return outputFiles[0].text;
}

/** @param url of any page that is served from this machine @returns what to say */
export async function checkpointsInPage(browser, url, expect) {
  const content = program();
  const page = await browser.newPage();
  const makeSteps = async (...args) => {
    await page.goto(url);
    await page.addScriptTag({ content });
    return page.evaluate((...given) => globalThis.makeSteps(...given), ...args);
  };
  const whole = await makeSteps(5);
  const name = `bicot-${Math.random()}`;
  const first = await makeSteps(3, name);
  const second = await makeSteps(5, name);
  await page.close();
  expect(first.length === 3 && second.length === 2, `${first.length} and ${second.length} steps`);
  expect([...first, ...second].join() === whole.join(), 'the steps are other ones than without a stop');
  return '3 steps, the page loaded anew, 2 more: as 5 without a stop';
}
