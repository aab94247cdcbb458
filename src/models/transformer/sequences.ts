import { BicotError } from '../../errors.js';
import type { TokenContext } from '../../policy/policy.js';
import { type TokenBatch, tokenRow } from '../../policy/tokens.js';
import type { TransformerConfig } from './config.js';

/** Host arrays of a right-padded batch of sequences, ready to be embedded. */
export interface Sequences {
  readonly rows: number;
  /** S, the padded length. */
  readonly length: number;
  /** `[rows · S]`: rows of the joint embedding table. */
  readonly ids: Int32Array;
  /** `[rows · S]`: the image position each input predicts, or `imageLength` for none. */
  readonly imagePositions: Int32Array;
}

/** True for the image space. @throws BicotError `value` for a space the model has not */
export function isImageSpace(space: string): boolean {
  if (space === 'image') return true;
  if (space === 'text') return false;
  throw new BicotError('value', `The transformer has no token space "${space}"; it has "text" and "image".`);
}

/** @throws BicotError `token-range` or `shape` for a context the model cannot read */
function checkContext(context: TokenContext, row: number, config: TransformerConfig): void {
  if (context.ids.length === 0) {
    throw new BicotError(
      'shape',
      `Context ${row} is empty; it needs at least one token (a start token) to predict from.`,
    );
  }
  for (const id of context.ids) {
    if (id < 0 || id >= config.textVocabulary) {
      throw new BicotError(
        'token-range',
        `Context ${row} holds token id ${id}, outside the text vocabulary [0, ${config.textVocabulary}).`,
      );
    }
  }
}

/**
 * Joins each context with its completion, without gaps: completion token `t` of row `n` is predicted at position
 * `C_n + t − 1`. Padding comes last, where the causal mask hides it, so that a row never depends on its
 * batch-mates. The last completion token is not an input.
 */
export function joinSequences(
  contexts: readonly TokenContext[],
  completion: TokenBatch | undefined,
  image: boolean,
  config: TransformerConfig,
): Sequences {
  const rows = contexts.length;
  const inputs = contexts.map((context, row) => {
    checkContext(context, row, config);
    const tokens = completion ? tokenRow(completion, row) : new Int32Array(0);
    return { context: context.ids, fed: tokens.subarray(0, Math.max(0, tokens.length - 1)) };
  });
  const length = inputs.reduce((max, { context, fed }) => Math.max(max, context.length + fed.length), 0);
  const ids = new Int32Array(rows * length);
  const imagePositions = new Int32Array(rows * length).fill(config.imageLength);
  const offset = image ? config.textVocabulary : 0;
  inputs.forEach(({ context, fed }, row) => {
    const start = row * length;
    ids.set(context, start);
    fed.forEach((id, t) => {
      ids[start + context.length + t] = id + offset;
    });
    if (!image) return;
    for (let t = 0; t <= fed.length; t++) imagePositions[start + context.length - 1 + t] = t;
  });
  return { rows, length, ids, imagePositions };
}
