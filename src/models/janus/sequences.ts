import * as tf from '@tensorflow/tfjs';
import { BicotError } from '../../errors.js';
import { embed } from '../../kernels/embedding.js';
import { type TokenBatch, tokenRow } from '../../policy/tokens.js';
import { concatHost } from '../../tensor/host-concat.js';
import type { JanusConfig } from './config.js';
import { embedImageTokens, embedText } from './forward.js';
import type { JanusParameters } from './parameters.js';

/** What one sample of Janus is conditioned on: text tokens, the last one begin-of-image for an image. */
export interface JanusContext {
  /** `[C]`, begin-of-sentence first. */
  readonly ids: Int32Array;
  /**
   * Positions skipped before the last token. Default 0: a sample's positions are its own. T2I-R1 pads prompts on the right
   * before begin-of-image, so that there a shorter prompt has a gap as long as its padding (`arangeContexts`).
   */
  readonly gap?: number;
}

/**
 * Contexts with the positions that T2I-R1's code would give them in one batch: in front of the last token each skips as
 * many as the longest is longer. Its samples then depend on their batch; bicot's do not unless asked to.
 */
export function arangeContexts(contexts: readonly JanusContext[]): JanusContext[] {
  const longest = contexts.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  return contexts.map(({ ids }) => ({ ids, gap: longest - ids.length }));
}

/** A right-padded batch of sequences on the host. */
export interface JanusSequences {
  readonly rows: number;
  /** S, the padded length. */
  readonly length: number;
  /** All text tokens, row by row. */
  readonly text: Int32Array;
  /** All image tokens, row by row. */
  readonly image: Int32Array;
  /** `[rows · S]`: which of `text` followed by `image` stands where; padding repeats the first. */
  readonly places: Int32Array;
}

/** True for the image space. @throws BicotError `value` for a space the model has not */
export function isImageSpace(space: string): boolean {
  if (space === 'image') return true;
  if (space === 'text') return false;
  throw new BicotError('value', `Janus has no token space '${space}'; it has 'text' and 'image'.`);
}

/**
 * Joins each context with its completion, without its last token, which predicts nothing. Padding comes last, where the
 * causal mask hides it.
 * @throws BicotError `shape` for an empty context or a sequence longer than the model was made for, `token-range`
 */
export function joinSequences(
  { language }: JanusConfig,
  contexts: readonly JanusContext[],
  completion: TokenBatch | undefined,
  image: boolean,
): JanusSequences {
  const rows = contexts.map((context, row) => {
    assertContext(context, row, language.vocabulary);
    const fed = completion ? tokenRow(completion, row).slice(0, -1) : new Int32Array(0);
    const total = context.ids.length + fed.length + (context.gap ?? 0);
    if (total > language.maxPositions) {
      throw new BicotError(
        'shape',
        `Janus: context ${row} and its completion take ${total} positions, but the model was made for ${language.maxPositions}. Shorten the prompt or lower maxTokens.`,
      );
    }
    return { ids: context.ids, fed };
  });
  const text = rows.flatMap(({ ids, fed }) => (image ? [ids] : [ids, fed]));
  const pictures = image ? rows.map(({ fed }) => fed) : [];
  const length = rows.reduce((most, { ids, fed }) => Math.max(most, ids.length + fed.length), 0);
  const places = new Int32Array(rows.length * length);
  const texts = concatHost(text, (length) => new Int32Array(length));
  let nextText = 0;
  let nextImage = texts.length;
  rows.forEach(({ ids, fed }, row) => {
    let at = row * length;
    for (let i = 0; i < ids.length; i++) places[at++] = nextText++;
    for (let i = 0; i < fed.length; i++) places[at++] = image ? nextImage++ : nextText++;
  });
  return {
    rows: rows.length,
    length,
    text: texts,
    image: concatHost(pictures, (length) => new Int32Array(length)),
    places,
  };
}

function assertContext({ ids, gap = 0 }: JanusContext, row: number, vocabulary: number): void {
  if (ids.length === 0) {
    throw new BicotError(
      'shape',
      `Janus: context ${row} is empty; it needs at least the begin-of-sentence token to predict from.`,
    );
  }
  if (!(Number.isInteger(gap) && gap >= 0)) {
    throw new BicotError(
      'value',
      `Janus: the gap of context ${row} is ${gap}; a whole number of at least 0 is needed.`,
    );
  }
  const wrong = ids.find((id) => id < 0 || id >= vocabulary);
  if (wrong !== undefined) {
    throw new BicotError(
      'token-range',
      `Janus: context ${row} holds token id ${wrong}, outside the text vocabulary [0, ${vocabulary}).`,
    );
  }
}

/** The sequences' inputs, `[rows · S, H]`; the caller disposes it. */
export function embedSequences(parameters: JanusParameters, sequences: JanusSequences): tf.Tensor2D {
  const { text, image, places } = sequences;
  return tf.tidy(() => {
    const texts = embedText(parameters, text);
    const all = image.length > 0 ? tf.concat([texts, embedImageTokens(parameters, image)]) : texts;
    const inOrder = places.every((place, i) => place === i);
    return inOrder ? all : embed(all, tf.tensor1d(places, 'int32'));
  });
}
