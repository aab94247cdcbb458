import { type PromptRow, uniformInteger, uniformStream } from 'bicot';
import { describe, expect, it } from 'vitest';
import { loadAtlas } from './atlas-file.js';
import { corpusExample } from './corpus.js';
import { createJudge } from './judge.js';
import { WORLD_LOCALITIES } from './localities.js';
import { isMet, specOf } from './requirement.js';
import { paintCell, renderScene, type Scene } from './scene.js';

const atlas = loadAtlas();
const { judgeScene, judgeSample } = createJudge(atlas);
/** Many slips, so that violated scenes of all kinds come up. */
const RATES = { stock: 0.3, sloppy: 0.3, slip: 0.15 };

const picture = (scene: Scene) => renderScene(scene, atlas);

describe('the judge', () => {
  const stream = uniformStream('test', 'judge');
  const examples = Array.from({ length: 500 }, () => corpusExample(stream, RATES));

  it('recognises what is drawn', () => {
    let right = 0;
    for (const { scene } of examples) {
      const seen = judgeScene(picture(scene)).map(({ noun, color, row, column }) => ({
        noun,
        color,
        cell: row * 4 + column,
      }));
      const drawn = scene.objects.map(({ noun, color, cell }) => ({ noun, color, cell }));
      const sort = (list: typeof seen) => [...list].sort((a, b) => a.cell - b.cell);
      if (JSON.stringify(sort(seen)) === JSON.stringify(sort(drawn))) right++;
    }
    expect(right / examples.length).toBeGreaterThanOrEqual(0.98);
  });

  it('agrees with the known content of right and wrong scenes', () => {
    const verdicts = examples.map(({ row, scene }) => ({
      known: isMet(specOf(row), scene),
      judged: judgeSample(row, picture(scene)),
    }));
    for (const known of [true, false]) {
      const own = verdicts.filter((verdict) => verdict.known === known);
      expect(own.length).toBeGreaterThan(100);
      expect(own.filter(({ judged }) => judged === known).length / own.length).toBeGreaterThanOrEqual(0.98);
    }
  });

  it('agrees about every place and every pair of cells', () => {
    for (const locality of WORLD_LOCALITIES) {
      const row: PromptRow = {
        prompt: `a dog ${locality} a bed`,
        task_type: 'spatial',
        nouns: ['dog', 'bed'],
        spatial_info: { obj1: 'dog', obj2: 'bed', locality },
      };
      for (let dog = 0; dog < 16; dog++) {
        for (let bed = 0; bed < 16; bed += 3) {
          if (dog === bed) continue;
          const scene = {
            objects: [
              { noun: 'dog', cell: dog },
              { noun: 'bed', cell: bed },
            ],
          };
          expect(judgeSample(row, picture(scene)), `${locality} ${dog} ${bed}`).toBe(
            isMet(specOf(row), scene),
          );
        }
      }
    }
  });

  it('rejects sprites made of two halves', () => {
    const own = uniformStream('test', 'halves');
    let rejected = 0;
    const trials = 300;
    for (let i = 0; i < trials; i++) {
      const [left, right] = [0, 1].map(() => atlas.sprites[uniformInteger(own, atlas.sprites.length)]);
      if (!left || !right) throw new Error('unreachable');
      if (left === right) {
        rejected++;
        continue;
      }
      const pixels = left.pixels.map((value, at) => (at % 48 < 24 ? value : (right.pixels[at] ?? 0)));
      const image = picture({ objects: [] });
      paintCell(image, 5, pixels);
      const row = { prompt: 'x', task_type: 'object', nouns: [left.noun] };
      if (!judgeSample(row, image)) rejected++;
    }
    expect(rejected / trials).toBeGreaterThanOrEqual(0.98);
  });

  it('wants nothing extra, and any colour where none was asked for', () => {
    const row = { prompt: 'a photo of a car', task_type: 'object', nouns: ['car'] };
    const car = { noun: 'car', cell: 3 };
    expect(judgeSample(row, picture({ objects: [car] }))).toBe(true);
    expect(judgeSample(row, picture({ objects: [{ ...car, color: 'red' }] }))).toBe(true);
    expect(judgeSample(row, picture({ objects: [car, { noun: 'car', cell: 4 }] }))).toBe(false);
    expect(judgeSample(row, picture({ objects: [car, { noun: 'dog', cell: 4 }] }))).toBe(false);
    expect(judgeSample(row, picture({ objects: [] }))).toBe(false);
  });
});
