/**
 * Regenerates `atlas.png` and `atlas.json` from Noto emoji:
 *
 *     cd /tmp && npm pack emoji-datasource-google@16.0.0 && tar xzf emoji-datasource-google-16.0.0.tgz
 *     npx tsx examples/emoji/atlas/build.ts /tmp/package/img/google/64
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { encodePng } from 'bicot/node';
import { decode } from 'fast-png';
import { COLORS, type Color, NOUNS } from '../nouns.js';

const SPRITE = 16;
const COLUMNS = 16;

/** The emoji of each noun: its code point, and how far to turn its hue (degrees). */
interface Source {
  readonly code: string;
  /**
   * A tintable noun's natural colour must not be one of the tints, or "a red car" would have two right
   * answers, one of them called wrong.
   */
  readonly turnHue?: number;
}

const SOURCES: Readonly<Record<string, Source>> = {
  dog: { code: '1f436' },
  cat: { code: '1f431' },
  bear: { code: '1f43b' },
  horse: { code: '1f40e' },
  sheep: { code: '1f411' },
  cow: { code: '1f42e' },
  elephant: { code: '1f418' },
  zebra: { code: '1f993' },
  giraffe: { code: '1f992' },
  bird: { code: '1f426', turnHue: 180 },
  banana: { code: '1f34c' },
  apple: { code: '1f34e' },
  orange: { code: '1f34a' },
  broccoli: { code: '1f966' },
  carrot: { code: '1f955' },
  'hot dog': { code: '1f32d' },
  pizza: { code: '1f355' },
  donut: { code: '1f369' },
  cake: { code: '1f370' },
  sandwich: { code: '1f96a' },
  bicycle: { code: '1f6b2' },
  motorcycle: { code: '1f3cd-fe0f' },
  car: { code: '1f697', turnHue: 180 },
  bus: { code: '1f68c' },
  train: { code: '1f686', turnHue: 180 },
  boat: { code: '26f5' },
  airplane: { code: '2708-fe0f' },
  'stop sign': { code: '1f6d1' },
  backpack: { code: '1f392', turnHue: 175 },
  umbrella: { code: '2602-fe0f', turnHue: 225 },
  handbag: { code: '1f45c' },
  tie: { code: '1f454' },
  kite: { code: '1fa81' },
  'wine glass': { code: '1f377' },
  cup: { code: '2615' },
  bowl: { code: '1f963', turnHue: 185 },
  chair: { code: '1fa91' },
  couch: { code: '1f6cb-fe0f', turnHue: 230 },
  bed: { code: '1f6cf-fe0f' },
  'potted plant': { code: '1fab4' },
  tv: { code: '1f4fa' },
  laptop: { code: '1f4bb' },
  book: { code: '1f4d5', turnHue: 325 },
  clock: { code: '23f0' },
  vase: { code: '1f3fa', turnHue: 345 },
  scissors: { code: '2702-fe0f' },
  toothbrush: { code: '1faa5' },
  'teddy bear': { code: '1f9f8' },
};

type Rgb = readonly [number, number, number];

const TINTS: Readonly<Record<Color, Rgb>> = {
  red: [222, 38, 38],
  green: [40, 165, 60],
  blue: [35, 85, 225],
  yellow: [245, 205, 25],
  purple: [150, 50, 195],
  black: [52, 52, 58],
};

const luminance = ([r, g, b]: Rgb): number => (0.299 * r + 0.587 * g + 0.114 * b) / 255;
const mix = (from: Rgb, to: Rgb, t: number): Rgb => [
  from[0] + (to[0] - from[0]) * t,
  from[1] + (to[1] - from[1]) * t,
  from[2] + (to[2] - from[2]) * t,
];

/** Turns the hue in the YIQ plane: greys stay grey, lightness stays. */
function turned([r, g, b]: Rgb, degrees: number): Rgb {
  const angle = (degrees * Math.PI) / 180;
  const y = 0.299 * r + 0.587 * g + 0.114 * b;
  const i = 0.596 * r - 0.274 * g - 0.322 * b;
  const q = 0.211 * r - 0.523 * g + 0.312 * b;
  const [i2, q2] = [i * Math.cos(angle) - q * Math.sin(angle), i * Math.sin(angle) + q * Math.cos(angle)];
  const clamp = (value: number) => Math.min(255, Math.max(0, value));
  return [
    clamp(y + 0.956 * i2 + 0.621 * q2),
    clamp(y - 0.272 * i2 - 0.647 * q2),
    clamp(y - 1.106 * i2 + 1.703 * q2),
  ];
}

/** Darker than the sprite's mean goes towards a dark tint, lighter towards a pale one: the shape stays. */
function tint(pixel: Rgb, mean: number, color: Rgb): Rgb {
  const value = luminance(pixel);
  if (value <= mean) return mix(mix([0, 0, 0], color, 0.3), color, value / mean);
  return mix(color, mix(color, [255, 255, 255], 0.7), (value - mean) / (1 - mean));
}

/** A source picture with its transparency. */
interface Emoji {
  readonly width: number;
  readonly height: number;
  /** `[height, width, 4]`, 8 bits each. */
  readonly data: ArrayLike<number>;
}

function readEmoji(path: string): Emoji {
  const { width, height, depth, channels, palette, data } = decode(readFileSync(path));
  if (depth === 8 && channels === 4) return { width, height, data };
  if (depth === 8 && palette) {
    const rgba = Array.from(data).flatMap((at) => [...(palette[at] as number[]), 255].slice(0, 4));
    return { width, height, data: rgba };
  }
  throw new Error(`${path} has ${channels} channels of ${depth} bits; expected 4 of 8, or a palette.`);
}

/** Alpha-weighted area averaging onto white: `[16, 16, 3]`. */
function sprite(source: Emoji, recolour: (pixel: Rgb) => Rgb): Uint8Array {
  const scale = source.width / SPRITE;
  const out = new Uint8Array(SPRITE * SPRITE * 3);
  for (let y = 0; y < SPRITE; y++) {
    for (let x = 0; x < SPRITE; x++) {
      const sum = [0, 0, 0];
      for (let j = 0; j < scale; j++) {
        for (let i = 0; i < scale; i++) {
          const { pixel, alpha } = pixelAt(source, x * scale + i, y * scale + j);
          const drawn = recolour(pixel);
          for (let c = 0; c < 3; c++) sum[c] = (sum[c] ?? 0) + (drawn[c] ?? 0) * alpha + 255 * (1 - alpha);
        }
      }
      for (let c = 0; c < 3; c++) out[(y * SPRITE + x) * 3 + c] = Math.round((sum[c] ?? 0) / scale ** 2);
    }
  }
  return out;
}

function pixelAt(source: Emoji, x: number, y: number): { pixel: Rgb; alpha: number } {
  const at = (y * source.width + x) * 4;
  const value = (channel: number) => source.data[at + channel] ?? 0;
  return { pixel: [value(0), value(1), value(2)], alpha: value(3) / 255 };
}

function meanLuminance(source: Emoji): number {
  let [sum, weight] = [0, 0];
  for (let i = 0; i < source.width * source.height; i++) {
    const { pixel, alpha } = pixelAt(source, i % source.width, Math.floor(i / source.width));
    sum += luminance(pixel) * alpha;
    weight += alpha;
  }
  return sum / weight;
}

function build(folder: string, target: string): void {
  const sprites: { noun: string; color?: Color; pixels: Uint8Array }[] = [];
  for (const { noun, tinted } of NOUNS) {
    const entry = SOURCES[noun];
    if (entry === undefined) throw new Error(`no emoji is listed for ${noun}`);
    const source = readEmoji(`${folder}/${entry.code}.png`);
    sprites.push({ noun, pixels: sprite(source, (pixel) => turned(pixel, entry.turnHue ?? 0)) });
    if (!tinted) continue;
    const mean = meanLuminance(source);
    for (const color of COLORS) {
      sprites.push({ noun, color, pixels: sprite(source, (pixel) => tint(pixel, mean, TINTS[color])) });
    }
  }
  const [width, height] = [COLUMNS * SPRITE, Math.ceil(sprites.length / COLUMNS) * SPRITE];
  const data = new Uint8Array(width * height * 3).fill(255);
  sprites.forEach(({ pixels }, index) => {
    const [left, top] = [(index % COLUMNS) * SPRITE, Math.floor(index / COLUMNS) * SPRITE];
    for (let i = 0; i < SPRITE * SPRITE; i++) {
      const at = ((top + Math.floor(i / SPRITE)) * width + left + (i % SPRITE)) * 3;
      for (let c = 0; c < 3; c++) data[at + c] = pixels[i * 3 + c] ?? 255;
    }
  });
  writeFileSync(`${target}/atlas.png`, encodePng({ width, height, data }));
  const index = sprites.map(({ noun, color }) => (color === undefined ? { noun } : { noun, color }));
  writeFileSync(
    `${target}/atlas.json`,
    `${JSON.stringify({ sprite: SPRITE, columns: COLUMNS, sprites: index }, null, 1)}\n`,
  );
}

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: tsx build.ts <folder of the 64 px emoji>');
build(folder, import.meta.dirname);
