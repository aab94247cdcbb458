import { BicotError } from 'bicot';
import type { Color } from './nouns.js';

/** One entry of `atlas/atlas.json`, in the sheet's order. */
export interface SpriteKey {
  /** One of `NOUNS`, by its word or words: `hot dog`. */
  readonly noun: string;
  /** Absent: the natural colour. */
  readonly color?: Color;
}

/** One 16×16 picture. */
export interface Sprite extends SpriteKey {
  /** `[16, 16, 3]`, on white. */
  readonly pixels: Uint8Array;
}

/** All sprites. */
export interface Atlas {
  /** Pixels of a sprite's side. */
  readonly size: number;
  /** In the sheet's order: each noun in its natural colour, and in every `Color` if it comes in colours. */
  readonly sprites: readonly Sprite[];
}

/** What `atlas/atlas.json` says. */
export interface AtlasIndex {
  readonly sprite: number;
  readonly columns: number;
  readonly sprites: readonly SpriteKey[];
}

/** The name of a sprite, as in plans: `red car`. */
export function spriteName({ noun, color }: SpriteKey): string {
  return color === undefined ? noun : `${color} ${noun}`;
}

/**
 * Cuts the decoded sheet into sprites.
 * @param rgb the sheet's pixels, `[height, width, 3]`
 * @param width pixels of a row of the sheet
 */
export function cutAtlas(index: AtlasIndex, rgb: ArrayLike<number>, width: number): Atlas {
  const size = index.sprite;
  const sprites = index.sprites.map((key, at) => {
    const [left, top] = [(at % index.columns) * size, Math.floor(at / index.columns) * size];
    const pixels = new Uint8Array(size * size * 3);
    for (let i = 0; i < size * size; i++) {
      const from = ((top + Math.floor(i / size)) * width + left + (i % size)) * 3;
      for (let c = 0; c < 3; c++) pixels[i * 3 + c] = rgb[from + c] ?? 255;
    }
    return { ...key, pixels };
  });
  return { size, sprites };
}

/**
 * The sprite of a noun in a colour.
 * @throws BicotError `value` if the atlas has none
 */
export function spriteOf(atlas: Atlas, key: SpriteKey): Sprite {
  const sprite = atlas.sprites.find(({ noun, color }) => noun === key.noun && color === key.color);
  if (sprite) return sprite;
  throw new BicotError(
    'value',
    `the atlas has no "${spriteName(key)}"; expected one of its ${atlas.sprites.length} sprites. ` +
      'See nouns.ts for the nouns and for which of them come in colours.',
  );
}
