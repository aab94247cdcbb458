import type { PromptRow, RgbImage } from 'bicot';
import type { Atlas } from './atlas.js';

/**
 * The referee: it only ever measures, never trains, and shares no code with the rewards, so that a policy that
 * learned to please the rewards instead of doing what was asked is found out.
 */
export interface Judge {
  /** What the picture shows. */
  judgeScene(image: RgbImage): JudgedObject[];
  /** Strict, as GenEval: exactly what was asked for and nothing else, in the right numbers, colours and places. */
  judgeSample(row: PromptRow, image: RgbImage): boolean;
  /** What was asked for, one by one: each kind in its number and colour, the place if there is one, and nothing else. */
  judgeAspects(row: PromptRow, image: RgbImage): boolean[];
}

/** Something in the picture. */
export interface JudgedObject {
  /** Absent: there is something, but it is none of the sprites. */
  readonly noun?: string;
  /** Absent: the natural colour, or unrecognised. */
  readonly color?: string;
  /** From the left, in tiles. */
  readonly column: number;
  /** From the top, in tiles. */
  readonly row: number;
}

const TILE = 16;
/** A tile is described by 4×4 mean colours. */
const BLOCKS = 4;
/** Largest difference of any mean colour (of 255) at which a tile still counts as a sprite. */
const TOLERANCE = 20;
/** A tile whose mean colours are all this close to white shows nothing. */
const WHITE = 252;

interface Known {
  readonly noun: string;
  readonly color?: string;
  readonly thumbnail: Float64Array;
}

/** Mean colours of the 4×4 blocks of a tile: `[4, 4, 3]`. */
function thumbnailOf(data: Uint8Array, width: number, left: number, top: number): Float64Array {
  const side = TILE / BLOCKS;
  const means = new Float64Array(BLOCKS * BLOCKS * 3);
  for (let y = 0; y < TILE; y++) {
    for (let x = 0; x < TILE; x++) {
      const block = Math.floor(y / side) * BLOCKS + Math.floor(x / side);
      for (let c = 0; c < 3; c++) {
        const value = data[((top + y) * width + left + x) * 3 + c] ?? 255;
        means[block * 3 + c] = (means[block * 3 + c] ?? 0) + value / side ** 2;
      }
    }
  }
  return means;
}

/** The nearest known thumbnail by total difference, if no block of it is off. */
function recognise(thumbnail: Float64Array, known: readonly Known[]): Known | undefined {
  let nearest: { entry: Known; total: number; worst: number } | undefined;
  for (const entry of known) {
    let [total, worst] = [0, 0];
    for (let i = 0; i < thumbnail.length; i++) {
      const difference = Math.abs((thumbnail[i] ?? 0) - (entry.thumbnail[i] ?? 0));
      total += difference;
      worst = Math.max(worst, difference);
    }
    if (nearest === undefined || total < nearest.total) nearest = { entry, total, worst };
  }
  return nearest !== undefined && nearest.worst <= TOLERANCE ? nearest.entry : undefined;
}

/** The angle of the way from the second object to the first: 0° is right, 90° is up. */
function bearing(first: JudgedObject, second: JudgedObject): number {
  return (Math.atan2(second.row - first.row, first.column - second.column) * 180) / Math.PI;
}

const within45 = (angle: number, of: number): boolean =>
  Math.cos(((angle - of) * Math.PI) / 180) > Math.SQRT1_2 + 1e-9;

/** Whether the first stands at that place of the second. */
function stands(place: string, first: JudgedObject, second: JudgedObject): boolean {
  const words = place.split(' ');
  const angle = bearing(first, second);
  if (words.includes('left')) return within45(angle, 180);
  if (words.includes('right')) return within45(angle, 0);
  if (words.includes('above') || words.includes('top')) return within45(angle, 90);
  if (words.includes('below') || words.includes('bottom')) return within45(angle, 270);
  // near, next to, on side of: neighbours, corners included
  return Math.hypot(first.column - second.column, first.row - second.row) < 1.5;
}

/** Whether both things are there, the first at its place of the second. */
function areRelated(
  { obj1, obj2, locality }: NonNullable<PromptRow['spatial_info']>,
  objects: readonly JudgedObject[],
): boolean {
  const first = objects.find(({ noun }) => noun === obj1);
  const second = objects.find(({ noun }) => noun === obj2);
  return first !== undefined && second !== undefined && stands(locality, first, second);
}

/** How many of each are asked for: `[name, colour or undefined, number]`. */
function demandsOf(row: PromptRow): [string, string | undefined, number][] {
  if (row.task_type === 'complex') {
    return row.nouns.map((noun) => {
      const colored = row.attr_nouns?.find((words) => words.endsWith(` ${noun}`));
      const number = row.numeracy_info?.find(({ obj_name }) => obj_name === noun)?.num ?? 1;
      return [noun, colored?.slice(0, -noun.length - 1), number];
    });
  }
  if (row.numeracy_info?.length)
    return row.numeracy_info.map(({ obj_name, num }) => [obj_name, undefined, num]);
  if (row.attr_nouns?.length) {
    return row.attr_nouns.map((words) => {
      const gap = words.indexOf(' ');
      return [words.slice(gap + 1), words.slice(0, gap), 1];
    });
  }
  return row.nouns.map((noun) => [noun, undefined, 1]);
}

/** Makes the judge of an atlas. */
export function createJudge(atlas: Atlas): Judge {
  const known: Known[] = atlas.sprites.map(({ noun, color, pixels }) => ({
    noun,
    color,
    thumbnail: thumbnailOf(pixels, TILE, 0, 0),
  }));

  const judgeScene = ({ data, width, height }: RgbImage): JudgedObject[] => {
    const objects: JudgedObject[] = [];
    for (let row = 0; row < height / TILE; row++) {
      for (let column = 0; column < width / TILE; column++) {
        const thumbnail = thumbnailOf(data, width, column * TILE, row * TILE);
        if (thumbnail.every((value) => value >= WHITE)) continue;
        const match = recognise(thumbnail, known);
        objects.push({ ...(match && { noun: match.noun, color: match.color }), column, row });
      }
    }
    return objects;
  };

  const judgeSample = (row: PromptRow, image: RgbImage): boolean => {
    const objects = judgeScene(image);
    const rest = [...objects];
    for (const [noun, color, number] of demandsOf(row)) {
      for (let i = 0; i < number; i++) {
        const at = rest.findIndex(
          (object) => object.noun === noun && (color === undefined || object.color === color),
        );
        if (at < 0) return false;
        rest.splice(at, 1);
      }
    }
    if (rest.length > 0) return false;
    return row.spatial_info === undefined || areRelated(row.spatial_info, objects);
  };

  const judgeAspects = (row: PromptRow, image: RgbImage): boolean[] => {
    const objects = judgeScene(image);
    const demands = demandsOf(row);
    const aspects = demands.map(
      ([noun, color, number]) =>
        objects.filter((object) => object.noun === noun && (color === undefined || object.color === color))
          .length === number,
    );
    const foreign = objects.some((object) => demands.every(([noun]) => noun !== object.noun));
    return [...aspects, ...(row.spatial_info ? [areRelated(row.spatial_info, objects)] : []), !foreign];
  };

  return { judgeScene, judgeSample, judgeAspects };
}
