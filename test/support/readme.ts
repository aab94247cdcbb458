/** Stand-ins for what the README's first block leaves to the reader, under the names that it uses. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { type RewardFunction, type RgbImage, type SampledPlan, score, type TokenContext } from 'bicot';
import { createTransformer, type TransformerPolicy } from 'bicot/models';

await tf.ready(); // the model's variables want a backend

const END = 2;
const DRAW = 3;

export const prompts: readonly string[] = ['a dog', 'cats', 'a very red car'];

/** A tiny transformer. */
export const config: Parameters<typeof createTransformer>[0] = {
  ...{ textVocabulary: 12, imageVocabulary: 16, imageLength: 9, endToken: END, specialTokens: 4 },
  ...{ width: 8, layers: 1, heads: 1, hidden: 8 },
};

/** Likes long plans. */
export const lengthReward: RewardFunction = async (samples) =>
  samples.map(({ tokens }) => score(tokens.semantic?.length ?? 0));

/** Its pictures have one pixel for each of their nine tokens. */
export const policy: TransformerPolicy = createTransformer(config, {
  imageTokenizer: {
    decode: async ({ ids, rows }) =>
      Array.from({ length: rows }, (_, row) => ({
        width: 3,
        height: 3,
        data: Uint8Array.from({ length: 27 }, (_, at) => 16 * (ids[9 * row + Math.floor(at / 3)] as number)),
      })),
  },
});

/** One token for each word, by its length. */
const encode = (text: string): number[] => text.split(' ').map(({ length }) => 4 + (length % 8));

/** The planning template. */
export const planContext = (prompt: string): TokenContext => ({
  ids: Int32Array.of(1, ...encode(prompt), END),
});

/** The drawing template. */
export const drawContext = (prompt: string, plan: SampledPlan): TokenContext => ({
  ids: Int32Array.of(1, ...encode(prompt), ...plan.ids, DRAW),
});

const brightness = ({ data }: RgbImage): number => data.reduce((sum, value) => sum + value, 0) / data.length;

/** A longer prompt wants a brighter picture. */
export const detect = (image: RgbImage | undefined, prompt: string): number =>
  image ? prompt.length * brightness(image) : 0;

/** Likes bright pictures. */
export const aestheticReward: RewardFunction = async (samples) =>
  samples.map(({ image }) => score(image ? brightness(image) : 0));

/** Likes dark ones. */
export const judge: RewardFunction = async (samples) =>
  samples.map(({ image }) => score(image ? -brightness(image) : 0));

/** A tiny Janus stands for Janus-Pro. */
export const JANUS_FOLDER = fileURLToPath(new URL('../fixtures/janus/original', import.meta.url));
/** Its sequences are short. */
export const PLAN_TOKENS = 4;
/** Nobody reads what is written there. */
export const OUT_FOLDER = join(tmpdir(), 'bicot-docs');
