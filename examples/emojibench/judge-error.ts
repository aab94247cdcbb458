import { type PromptRow, type RgbImage, type UniformStream, uniformInteger, uniformStream } from 'bicot';
import { type Atlas, spriteOf } from '../emoji/atlas.js';
import { plannedScene } from '../emoji/corpus.js';
import type { TaskType } from '../emoji/forms.js';
import { habitualScene } from '../emoji/habit.js';
import type { Judge } from '../emoji/judge.js';
import { freeCells, honestScene } from '../emoji/layout.js';
import { NOUNS } from '../emoji/nouns.js';
import { drawRow } from '../emoji/prompts.js';
import { isMet, specOf } from '../emoji/requirement.js';
import { CELL, cellLine, paintCell, renderScene, type Scene } from '../emoji/scene.js';
import { EMOJI_BENCH } from './world.js';

/** What the judge says of scenes whose truth is known. */
export interface Confusion {
  /** Right scenes that it accepts, and rejects. */
  readonly accepted: number;
  readonly missed: number;
  /** Wrong scenes that it accepts, and rejects. */
  readonly fooled: number;
  readonly rejected: number;
}

/** Share of what it accepts that is right. */
export const precisionOf = ({ accepted, fooled }: Confusion): number => accepted / (accepted + fooled);
/** Share of what is right that it accepts. */
export const recallOf = ({ accepted, missed }: Confusion): number => accepted / (accepted + missed);

/** A prompt of either split. */
const anyRow = (task: TaskType, stream: UniformStream): PromptRow =>
  drawRow(task, stream, EMOJI_BENCH, () => true);

/**
 * Clean pictures of one kind of prompt: half of them uniformly random right scenes, half what the corpus makes of the prompt when
 * it always errs (stock, sloppy, out of habit), whose truth the data's own rule says (`isMet`), which shares no code with the judge.
 */
export function confusionOf(task: TaskType, count: number, judge: Judge, atlas: Atlas): Confusion {
  const stream = uniformStream('emojibench', 'confusion', task);
  const tally = { accepted: 0, missed: 0, fooled: 0, rejected: 0 };
  for (let i = 0; i < count; i++) {
    const row = anyRow(task, stream);
    const requirement = specOf(row);
    const scene = i % 2 === 0 ? honestScene(requirement, stream) : erringScene(row, stream);
    const accepts = judge.judgeSample(row, renderScene(scene, atlas));
    if (isMet(requirement, scene)) tally[accepts ? 'accepted' : 'missed']++;
    else tally[accepts ? 'fooled' : 'rejected']++;
  }
  return tally;
}

function erringScene(row: PromptRow, stream: UniformStream): Scene {
  const { scene } = plannedScene(specOf(row), { stock: 0.3, sloppy: 1, slip: 0 }, stream);
  return stream() < 0.3 ? habitualScene(scene) : scene;
}

/** Something done to the picture of a right scene. */
export interface Corruption {
  readonly name: string;
  /** Whether the picture still shows what was asked for, so that a judge should accept it. */
  readonly harmless: boolean;
  readonly apply: (picture: RgbImage, scene: Scene, atlas: Atlas, stream: UniformStream) => RgbImage;
}

const clamp = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));
/** Changes what is drawn; paper stays white, as it does in every picture that is made of tokens. */
const mapped = (picture: RgbImage, change: (value: number, index: number) => number): RgbImage => ({
  ...picture,
  data: picture.data.map((value, index) => (value === 255 ? value : clamp(change(value, index)))),
});
/** Uniform noise of a standard deviation. */
const noisy =
  (deviation: number): Corruption['apply'] =>
  (picture, _scene, _atlas, stream) =>
    mapped(picture, (value) => value + (stream() - 0.5) * Math.sqrt(12) * deviation);
/** A copy to paint on. */
const copied = (picture: RgbImage): RgbImage => ({ ...picture, data: picture.data.slice() });
const anyObject = ({ objects }: Scene, stream: UniformStream) =>
  objects[uniformInteger(stream, objects.length)] as Scene['objects'][number];
const WHITE_CELL = new Uint8Array(CELL * CELL * 3).fill(255);

/** What is tried. */
export const CORRUPTIONS: readonly Corruption[] = [
  { name: 'noise on what is drawn, standard deviation 4', harmless: true, apply: noisy(4) },
  { name: 'noise on what is drawn, standard deviation 10', harmless: true, apply: noisy(10) },
  { name: 'noise on what is drawn, standard deviation 25', harmless: true, apply: noisy(25) },
  {
    name: '6 % darker',
    harmless: true,
    apply: (picture) => mapped(picture, (value) => value * 0.94),
  },
  {
    name: 'one object left out',
    harmless: false,
    apply: (picture, scene, _, stream) => {
      const copy = copied(picture);
      paintCell(copy, anyObject(scene, stream).cell, WHITE_CELL);
      return copy;
    },
  },
  {
    name: 'one object is another thing',
    harmless: false,
    apply: (picture, scene, atlas, stream) => {
      const object = anyObject(scene, stream);
      const others = NOUNS.filter(({ noun }) => scene.objects.every((one) => one.noun !== noun));
      const { noun } = others[uniformInteger(stream, others.length)] as (typeof NOUNS)[number];
      const copy = copied(picture);
      paintCell(copy, object.cell, spriteOf(atlas, { noun }).pixels);
      return copy;
    },
  },
  {
    name: 'one object more',
    harmless: false,
    apply: (picture, scene, atlas, stream) => {
      const free = freeCells(scene.objects);
      const copy = copied(picture);
      const cell = free[uniformInteger(stream, free.length)] as number;
      paintCell(copy, cell, spriteOf(atlas, anyObject(scene, stream)).pixels);
      return copy;
    },
  },
  {
    name: 'the lower half of one object missing',
    harmless: false,
    apply: (picture, scene, _, stream) => erased(picture, anyObject(scene, stream).cell, CELL / 2, CELL),
  },
  {
    name: 'the lower half of one object is another thing’s',
    harmless: false,
    apply: (picture, scene, atlas, stream) => {
      const object = anyObject(scene, stream);
      const others = NOUNS.filter(({ noun }) => noun !== object.noun);
      const { noun } = others[uniformInteger(stream, others.length)] as (typeof NOUNS)[number];
      const mixed = spriteOf(atlas, object).pixels.slice();
      mixed.set(spriteOf(atlas, { noun }).pixels.subarray(mixed.length / 2), mixed.length / 2);
      const copy = copied(picture);
      paintCell(copy, object.cell, mixed);
      return copy;
    },
  },
];

/** White rows in a cell. */
function erased(picture: RgbImage, cell: number, from: number, to: number): RgbImage {
  const copy = copied(picture);
  for (let y = from; y < to; y++) {
    const start = cellLine(cell, y);
    copy.data.fill(255, start, start + CELL * 3);
  }
  return copy;
}

/** Share of corrupted pictures of right scenes that the judge accepts, prompts of all kinds in turn. */
export function acceptanceOf(corruption: Corruption, count: number, judge: Judge, atlas: Atlas): number {
  const stream = uniformStream('emojibench', 'corruption', corruption.name);
  let accepted = 0;
  for (let i = 0; i < count; i++) {
    const row = anyRow(EMOJI_BENCH.tasks[i % EMOJI_BENCH.tasks.length] as TaskType, stream);
    const scene = honestScene(specOf(row), stream);
    const picture = corruption.apply(renderScene(scene, atlas), scene, atlas, stream);
    if (judge.judgeSample(row, picture)) accepted++;
  }
  return accepted / count;
}
