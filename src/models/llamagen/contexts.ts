import { BicotError } from '../../errors.js';
import type { LlamaGenConfig } from './config.js';
import type { ConditionParameters } from './parameters.js';

/** A class that an image is to be of. */
export interface LlamaGenClass {
  /** `[0, classes)`; `classes` itself stands for none. */
  readonly label: number;
}

/** A caption, as a text encoder sees it (flan-t5-xl for the published models; bicot has none). */
export interface LlamaGenCaption {
  /** `[tokens, features]`, unpadded: the encoder's last hidden states of the caption and its end token. */
  readonly features: Float32Array;
  /** At most as many as the model was made for, 120 in published ones. */
  readonly tokens: number;
}

/** What one sample of LlamaGen is conditioned on: a class or a caption, as the model has it. */
export type LlamaGenContext = LlamaGenClass | LlamaGenCaption;

const isClass = (context: LlamaGenContext): context is LlamaGenClass => 'label' in context;

/** How many tokens a context is. */
export const contextTokens = (context: LlamaGenContext): number => (isClass(context) ? 1 : context.tokens);

/** Equal for contexts that are computed once: a class is a number, and captions are told apart by the array they lie in. */
export const contextKey = (context: LlamaGenContext): unknown =>
  isClass(context) ? context.label : context.features;

/** Rows whose contexts have as many tokens, group by group. */
export function rowsByLength(contexts: readonly LlamaGenContext[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const [row, context] of contexts.entries()) {
    const tokens = contextTokens(context);
    const group = groups.get(tokens);
    if (group) group.push(row);
    else groups.set(tokens, [row]);
  }
  return [...groups.values()];
}

/**
 * Throws unless a context is of the model's kind and can be.
 * @throws BicotError `value`, `shape` or `token-range`
 */
export function assertContexts({ condition }: LlamaGenConfig, contexts: readonly LlamaGenContext[]): void {
  contexts.forEach((context, row) => {
    const fail = (code: 'value' | 'shape' | 'token-range', what: string): never => {
      throw new BicotError(code, `LlamaGen: context ${row} ${what}`);
    };
    if (condition.kind === 'class') {
      const { label } = context as Partial<LlamaGenClass>;
      if (label === undefined) fail('value', 'has no label, but this model draws classes: give { label }.');
      if (!(Number.isInteger(label) && (label as number) >= 0 && (label as number) <= condition.classes)) {
        fail(
          'token-range',
          `is class ${label}; a whole number of [0, ${condition.classes}) is needed, or ${condition.classes} for none.`,
        );
      }
      return;
    }
    const { features, tokens } = context as Partial<LlamaGenCaption>;
    if (!(features instanceof Float32Array)) {
      fail(
        'value',
        'has no features, but this model draws captions: give { features, tokens }, what a text encoder makes of one.',
      );
    }
    if (!(Number.isInteger(tokens) && (tokens as number) >= 1 && (tokens as number) <= condition.length)) {
      fail('shape', `has ${tokens} tokens; 1 to ${condition.length} are possible. Cut the caption.`);
    }
    const count = (tokens as number) * condition.features;
    if (features?.length !== count) {
      fail(
        'shape',
        `has ${features?.length} numbers of ${tokens} tokens; ${condition.features} each, so ${count}, are needed. Leave padding out.`,
      );
    }
  });
}

/**
 * What guidance compares a context with: no class; or, for a caption of n tokens, the last n rows of what stands for no
 * caption. The same object whenever it is the same, so that it is computed once.
 */
export function withoutCondition(
  { condition }: LlamaGenConfig,
  parameters: ConditionParameters,
): (context: LlamaGenContext) => LlamaGenContext {
  if (condition.kind === 'class' || parameters.kind === 'class') {
    const none: LlamaGenClass = { label: condition.kind === 'class' ? condition.classes : 0 };
    return () => none;
  }
  const { noCaption } = parameters;
  const known = new Map<number, LlamaGenCaption>();
  return (context) => {
    const tokens = contextTokens(context);
    const made = known.get(tokens) ?? {
      features: noCaption.subarray((condition.length - tokens) * condition.features),
      tokens,
    };
    known.set(tokens, made);
    return made;
  };
}
