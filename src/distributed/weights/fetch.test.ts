import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { weightLayout } from '../../parallel/shared-weights.js';
import { fetchedWeights } from './fetch.js';
import { publishedWeights } from './publish.js';
import { folderStore } from './store.js';

const MOST = 1e8;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-weights-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('weights that are fetched', () => {
  it.each(['every byte', 'the last byte', 'nothing left'])(
    'are written again after a chunk was damaged: %s',
    async (damage) => {
      const variables = { w: tf.variable(tf.tensor1d([1, 2, 3.5, -4])) };
      const layout = weightLayout(variables);
      const store = await folderStore(folder);
      const published = publishedWeights(store, layout, MOST);
      const version = await published.publish('policy', variables);
      const chunk = join(folder, readdirSync(folder).find((name) => name.endsWith('.chunk')) as string);
      const stored = readFileSync(chunk);
      if (damage === 'every byte') stored.fill(7);
      else stored[stored.length - 1] = (stored[stored.length - 1] as number) ^ 1;
      writeFileSync(chunk, damage === 'nothing left' ? '' : stored);

      const weights = fetchedWeights(store, layout, { maxBytes: MOST });
      await expect(weights.fetch(version)).rejects.toMatchObject({ code: 'value' });
      expect(await published.restore(version)).toBe(true);
      expect(Array.from(new Float32Array(await weights.fetch(version)))).toEqual([1, 2, 3.5, -4]);
      variables.w.dispose();
    },
  );
});
