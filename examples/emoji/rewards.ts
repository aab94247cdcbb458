import {
  abstain,
  attributeScore,
  numeracyScore,
  objectScore,
  type PromptRow,
  type RewardFunction,
  type RewardResult,
  type RgbImage,
  ruleScore,
  type Sample,
  score,
  spatialScore,
} from 'bicot';
import { probabilityOf, wardrobeOf } from './appearance.js';
import type { Atlas } from './atlas.js';
import { detectSprites, readCells, type SpriteDetection } from './detector.js';
import { isColor } from './nouns.js';
import { parsePlan } from './plan.js';
import { GRID } from './scene.js';

/** The names of the rewards that can be trained on. */
export const WORLD_REWARDS = ['detector', 'attribute', 'quality', 'faithful', 'exploitable'] as const;
/** One of them. */
export type RewardName = (typeof WORLD_REWARDS)[number];

/** The rewards by name: each means something else, each is in [0, 1] and graded. */
export type WorldRewards = Readonly<Record<RewardName, RewardFunction<PromptRow>>>;

/** A sample that has a picture. */
type Pictured = Sample<PromptRow> & { readonly image: RgbImage };

const imagesOf = (pictured: readonly Pictured[]): RgbImage[] => pictured.map(({ image }) => image);

/** Scores the samples that have a picture, in one batch; the others abstain. */
async function overPictures(
  samples: readonly Sample<PromptRow>[],
  judge: (pictured: readonly Pictured[]) => Promise<readonly RewardResult[]>,
): Promise<RewardResult[]> {
  const pictured = samples.filter((sample): sample is Pictured => sample.image !== undefined);
  const results = await judge(pictured);
  let next = 0;
  return samples.map((sample) =>
    sample.image === undefined ? abstain('no picture') : (results[next++] ?? abstain('no picture')),
  );
}

/**
 * Objects beyond what the row asks for. Where the row counts a noun, its own count rule deals with that noun.
 */
export function surplusOf(row: PromptRow, detections: readonly SpriteDetection[]): number {
  const counted = new Set(row.numeracy_info?.map(({ obj_name }) => obj_name));
  const left = [...row.nouns];
  let surplus = 0;
  for (const { noun } of detections) {
    const at = left.indexOf(noun);
    if (at >= 0) left.splice(at, 1);
    else if (!counted.has(noun)) surplus++;
  }
  return surplus;
}

/** Of a complex row: the mean of the rules for its objects, its place and its numbers, as far as it has them. */
function complexScore(row: PromptRow, detections: readonly SpriteDetection[]): RewardResult {
  const { spatial_info, numeracy_info, nouns } = row;
  return score(
    mean([
      objectScore(nouns, detections),
      ...(spatial_info ? [spatialScore(spatial_info, detections)] : []),
      ...(numeracy_info?.length ? [numeracyScore(numeracy_info, detections)] : []),
    ]),
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * T2I-R1's rules (objects, relation, counts) on what the template detector found, times asked / (asked + surplus),
 * so that filling the grid with everything does not pay.
 */
export function detectorReward(atlas: Atlas): RewardFunction<PromptRow> {
  return (samples) =>
    overPictures(samples, async (pictured) => {
      const detected = await detectSprites(imagesOf(pictured), atlas);
      return pictured.map(({ prompt }, i) => {
        const detections = detected[i] ?? [];
        const rule =
          prompt.task_type === 'complex' ? complexScore(prompt, detections) : ruleScore(prompt, detections);
        if (rule.kind !== 'score') return rule;
        const asked = prompt.nouns.length;
        return score((rule.value * asked) / (asked + surplusOf(prompt, detections)));
      });
    });
}

/**
 * The mean probability of "yes" for each of the row's attributes ("red car?"), or of its nouns where it has none.
 * Like T2I-R1's question answering model it has nothing to say about places and numbers: it abstains there, but for the
 * colours of complex rows.
 */
export function attributeReward(atlas: Atlas): RewardFunction<PromptRow> {
  const wardrobe = wardrobeOf(atlas);
  const ask = (image: RgbImage, words: string): number => {
    const [first = '', ...rest] = words.split(' ');
    const question = isColor(first) ? { noun: rest.join(' '), color: first } : { noun: words };
    return probabilityOf(image, question, wardrobe);
  };
  return (samples) =>
    overPictures(samples, async (pictured) =>
      pictured.map(({ prompt, image }) => {
        const asksColors = prompt.task_type === 'complex' && prompt.attr_nouns?.length;
        if (!asksColors && (prompt.spatial_info || prompt.numeracy_info?.length))
          return abstain('a place or a number');
        const questions = prompt.attr_nouns?.length ? prompt.attr_nouns : prompt.nouns;
        if (questions.length === 0) return abstain('the row names no objects');
        return score(attributeScore(questions.map((words) => ask(image, words))));
      }),
    );
}

/** More objects than this count as clutter: no prompt asks for more. */
const CROWD = 8;

/**
 * How clean the picture is, whatever was asked for: the mean over the drawn cells of how well one sprite explains the
 * cell, squared so that half sprites cost; less for a crowded picture, nothing for an empty one.
 */
export function qualityReward(atlas: Atlas): RewardFunction<PromptRow> {
  return (samples) =>
    overPictures(samples, async (pictured) => {
      return (await readCells(imagesOf(pictured), atlas)).map((cells) => {
        const clean = cells.reduce((sum, cell) => sum + cell.score ** 2, 0);
        return score(clean / Math.max(1, cells.length) / Math.max(1, cells.length / CROWD));
      });
    });
}

/**
 * How well the picture follows the sample's own plan: the F1 measure of its (noun, colour, cell) triples. It says
 * nothing about the prompt. Abstains without a plan; a text that is no plan scores 0.
 */
export function faithfulReward(atlas: Atlas): RewardFunction<PromptRow> {
  return (samples) =>
    overPictures(samples, async (pictured) => {
      const detected = await detectSprites(imagesOf(pictured), atlas);
      return pictured.map(({ plan }, i) => {
        if (plan === undefined) return abstain('no plan');
        const wanted = parsePlan(plan)?.objects ?? [];
        const found = detected[i] ?? [];
        const right = wanted.filter((object) =>
          found.some(
            ({ noun, color, cell }) => noun === object.noun && color === object.color && cell === object.cell,
          ),
        ).length;
        return score((2 * right) / Math.max(1, wanted.length + found.length));
      });
    });
}

/**
 * A reward that is wrong on purpose, as a first idea of "rich pictures" might be: the share of the cells that are drawn
 * on, whatever was asked for. No demo trains on it unless told to (`--rewards exploitable`): it is there to be found out.
 */
export function exploitableReward(atlas: Atlas): RewardFunction<PromptRow> {
  return (samples) =>
    overPictures(samples, async (pictured) =>
      (await readCells(imagesOf(pictured), atlas)).map((cells) => score(cells.length / GRID ** 2)),
    );
}

/** All of them. */
export function worldRewards(atlas: Atlas): WorldRewards {
  return {
    detector: detectorReward(atlas),
    attribute: attributeReward(atlas),
    quality: qualityReward(atlas),
    faithful: faithfulReward(atlas),
    exploitable: exploitableReward(atlas),
  };
}
