import { uniformStream } from 'bicot';
import { describe, expect, it } from 'vitest';
import { spriteOf } from './atlas.js';
import { loadAtlas } from './atlas-file.js';
import { corpusExample, measureCorpus } from './corpus.js';
import { FACTS } from './facts.js';
import { TASK_TYPES } from './forms.js';
import { heldOutOf, isHeldOut } from './holdout.js';
import { cellPairs } from './layout.js';
import { LOCALITY_MEANINGS, WORLD_LOCALITIES } from './localities.js';
import { NO_NOISE, NOISE } from './noise.js';
import { COLORS, NOUNS } from './nouns.js';
import { PLAN_TOKENS, parsePlan, planOf, planTokens } from './plan.js';
import { isMet, specOf } from './requirement.js';
import { CELL, PICTURE, renderScene } from './scene.js';
import { BOS, END, IMAGE, PAD, SPECIALS, TOKENIZER } from './vocabulary.js';

const atlas = loadAtlas();

describe('the atlas', () => {
  it('has every noun, and the tinted ones in every colour', () => {
    for (const { noun, tinted } of NOUNS) {
      expect(spriteOf(atlas, { noun }).pixels).toHaveLength(16 * 16 * 3);
      for (const color of tinted ? COLORS : []) spriteOf(atlas, { noun, color });
    }
    expect(atlas.sprites).toHaveLength(NOUNS.length + 13 * COLORS.length);
    expect(() => spriteOf(atlas, { noun: 'banana', color: 'red' })).toThrow('no "red banana"');
  });

  it('has few enough 8×8 patches for a lossless codebook of 512', () => {
    const patches = new Set<string>();
    for (const { pixels } of [...atlas.sprites, { pixels: new Uint8Array(768).fill(255) }]) {
      for (const [x0, y0] of [
        [0, 0],
        [8, 0],
        [0, 8],
        [8, 8],
      ] as const) {
        const rows = Array.from({ length: 8 }, (_, y) =>
          pixels.subarray(((y0 + y) * 16 + x0) * 3, ((y0 + y) * 16 + x0 + 8) * 3).join(),
        );
        patches.add(rows.join(';'));
      }
    }
    expect(patches.size).toBeLessThanOrEqual(512);
    expect(patches.size).toBeGreaterThan(400);
  });
});

describe('scenes', () => {
  it('draw each object in its cell and nothing elsewhere', () => {
    const picture = renderScene({ objects: [{ noun: 'dog', cell: 6 }] }, atlas);
    const dog = spriteOf(atlas, { noun: 'dog' }).pixels;
    for (let y = 0; y < PICTURE; y++) {
      for (let x = 0; x < PICTURE; x++) {
        const inside = Math.floor(x / CELL) === 2 && Math.floor(y / CELL) === 1;
        const expected = inside ? dog[((y - CELL) * CELL + (x - 2 * CELL)) * 3] : 255;
        if (picture.data[(y * PICTURE + x) * 3] !== expected) expect.fail(`pixel ${x}, ${y}`);
      }
    }
  });
});

describe('plans', () => {
  it('read back as the scene', () => {
    expect(planOf({ objects: [6, 10, 0].map((cell) => ({ noun: 'banana', cell })) })).toBe('banana a1 b3 c3');
    expect(parsePlan('red car a1 stop sign c4')).toEqual({
      objects: [
        { noun: 'car', color: 'red', cell: 0 },
        { noun: 'stop sign', cell: 11 },
      ],
    });
    const stream = uniformStream('test', 'plans');
    for (let i = 0; i < 1000; i++) {
      const { plan, planned } = corpusExample(stream);
      const read = parsePlan(plan);
      expect(new Set(read?.objects)).toEqual(new Set(planned.objects));
      expect(read && planOf(read)).toBe(plan);
    }
  });

  it.each([
    '',
    'a1',
    'dog',
    'dog a1 cat',
    'dog a1 cat a1',
    'red banana a1',
    'unicorn b2',
    'red a1',
    'dog cat a1',
  ])('reject "%s"', (text) => expect(parsePlan(text)).toBeUndefined());
});

describe('the vocabulary', () => {
  it('starts with the special tokens and is small', () => {
    expect(SPECIALS.map(TOKENIZER.id)).toEqual([0, 1, 2, 3]);
    expect([PAD, BOS, END, IMAGE]).toEqual([0, 1, 2, 3]);
    expect(TOKENIZER.size).toBeLessThanOrEqual(256);
  });

  it('encodes and decodes, without special tokens', () => {
    const ids = TOKENIZER.encode('a photo of three hot dogs');
    expect(TOKENIZER.decode([BOS, ...ids, END, PAD])).toBe('a photo of three hot dogs');
    expect(() => TOKENIZER.encode('a unicorn')).toThrow('"unicorn"');
  });
});

describe('localities', () => {
  // Counted by hand on the 4×4 grid. Left: column distance d = 1, 2, 3 leaves 3, 2, 1 column pairs, and the row distance
  // must be below d: 4, 4 + 6, 4 + 6 + 4 row pairs. Near: 12 + 12 side by side, 9 + 9 diagonal, each both ways.
  const expected = { left: 3 * 4 + 2 * 10 + 14, near: 2 * (12 + 12 + 9 + 9) };

  it.each(WORLD_LOCALITIES)('"%s" can be drawn', (locality) => {
    const meaning = LOCALITY_MEANINGS[locality];
    if (meaning === undefined) expect.fail('no meaning');
    expect(cellPairs(meaning)).toHaveLength(meaning === 'near' ? expected.near : expected.left);
  });

  it('mean what they say', () => {
    expect(cellPairs('above')).toContainEqual([0, 4]);
    expect(cellPairs('above')).not.toContainEqual([0, 5]); // diagonal
    expect(cellPairs('right')).toContainEqual([3, 0]);
    expect(cellPairs('near')).not.toContainEqual([3, 4]); // the end of one row, the start of the next
  });
});

describe('the corpus', () => {
  const stream = uniformStream('test', 'corpus');
  const examples = Array.from({ length: 5000 }, () => corpusExample(stream));

  it('has only covered words and short plans', () => {
    const long = examples.filter(({ plan }) => planTokens(plan) > PLAN_TOKENS);
    const uncovered = examples.filter(
      ({ plan, row }) => !TOKENIZER.knows(plan) || !TOKENIZER.knows(row.prompt),
    );
    expect([...long, ...uncovered]).toEqual([]);
  });

  it('shows every kind of prompt equally often, and everything there is', () => {
    for (const task of TASK_TYPES) {
      const share = examples.filter(({ row }) => row.task_type === task).length / examples.length;
      expect(Math.abs(share - 0.2)).toBeLessThan(0.03);
    }
    const said = examples.map(({ row }) => ` ${row.prompt} `);
    const drawn = new Set(examples.flatMap(({ scene }) => scene.objects.map(({ noun }) => noun)));
    expect(drawn.size).toBe(NOUNS.length);
    for (const words of [...FACTS.flatMap(({ phrases }) => phrases), ...COLORS, ...WORLD_LOCALITIES]) {
      expect(said.some((prompt) => prompt.includes(` ${words} `))).toBe(true);
    }
  });

  it('asks for, plans and shows nothing that is held out, with captions or without', () => {
    const stream = uniformStream('snapshots');
    const snapshots = Array.from({ length: 2000 }, () =>
      corpusExample(stream, { ...NOISE, stock: 0, sloppy: 0 }),
    );
    for (const { row, planned, scene } of [...examples, ...snapshots]) {
      expect(isHeldOut(row), row.prompt).toBe(false);
      for (const { objects } of [planned, scene]) {
        const kinds = new Map<string, { noun: string; color?: string; count: number }>();
        for (const { noun, color } of objects) {
          const name = `${color} ${noun}`;
          kinds.set(name, { noun, color, count: (kinds.get(name)?.count ?? 0) + 1 });
        }
        expect(heldOutOf([...kinds.values()]), row.prompt).toEqual([]);
      }
    }
  });

  it('is the same for the same stream', () => {
    const take = (seed: number) => {
      const own = uniformStream('corpus', seed);
      return Array.from({ length: 50 }, () => corpusExample(own));
    };
    expect(take(1)).toEqual(take(1));
    expect(take(1)).not.toEqual(take(2));
  });

  it('errs as often as it says', () => {
    const report = measureCorpus(4000, 7);
    expect(Math.abs(report.stock - NOISE.stock)).toBeLessThan(0.03);
    // Sloppy pictures are a share of those that are not stock, less those that would give away a held-out composition.
    expect(report.sloppy).toBeGreaterThan(0.6 * (1 - NOISE.stock) * NOISE.sloppy);
    expect(report.sloppy).toBeLessThan(1.3 * (1 - NOISE.stock) * NOISE.sloppy);
    expect(Math.abs(report.slips - NOISE.slip)).toBeLessThan(0.015);
    expect(report.wrongPictures).toBeGreaterThan(report.wrongPlans);
    expect(report.wrongPictures).toBeGreaterThan(0.25);
    expect(report.wrongPictures).toBeLessThan(0.45);
  });

  it('is right throughout without noise', () => {
    const own = uniformStream('test', 'clean');
    for (let i = 0; i < 1000; i++) {
      const { row, scene, plan } = corpusExample(own, NO_NOISE);
      expect(isMet(specOf(row), scene), `${row.prompt}: ${plan}`).toBe(true);
    }
  });
});
