import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ScoredBatch, type TokenBatch, type TokenContext, tokenBatch } from 'bicot';
import { createTransformer, type TransformerOptions, type TransformerPolicy } from 'bicot/models';
import { loadWeights } from 'bicot/node';
import { semanticContext, tokenContext } from '../../examples/emoji/model.js';
import { END } from '../../examples/emoji/vocabulary.js';
import { DEMO_PROMPTS } from './demo-prompts.js';

/** The demo's base model, without what turns its tokens into words and pictures. The caller disposes it. */
export async function demoPolicy(): Promise<TransformerPolicy> {
  const { config } = JSON.parse(readFileSync(demoFixture('cases.json'), 'utf8')) as {
    config: TransformerOptions;
  };
  const model = createTransformer(config);
  const weights = new URL('../../examples/emoji/base/model.safetensors', import.meta.url);
  await loadWeights(fileURLToPath(weights), model.variables);
  return model;
}

export const DEMO_LEVELS = ['semantic', 'token'] as const;
export type DemoLevel = (typeof DEMO_LEVELS)[number];
export const DEMO_SPACES = { semantic: 'text', token: 'image' } as const;

/** One level of one prompt, as PyTorch computed it in float64; see test/reference/demo_policy.py. */
interface ReferenceLevel {
  readonly tokens: readonly number[];
  /** How far each random number was from drawing another token. */
  readonly margins: readonly number[];
  readonly logProbs: readonly number[];
}

/** `test/fixtures/demo/policy.json` */
export interface DemoReference {
  /** The first so many rows have gradients. */
  readonly differentiated: number;
  readonly loss: number;
  readonly gradients: Readonly<Record<string, { max: number; norm: number; cosine: number }>>;
  readonly rows: readonly ({ readonly prompt: string } & Readonly<Record<DemoLevel, ReferenceLevel>>)[];
}

export const demoFixture = (name: string): URL => new URL(`../fixtures/demo/${name}`, import.meta.url);
export const demoReference = (): DemoReference =>
  JSON.parse(readFileSync(demoFixture('policy.json'), 'utf8')) as DemoReference;

/** Context of a level, with the plan of the reference. */
export function demoContext({ rows }: DemoReference, row: number, level: DemoLevel): TokenContext {
  const prompt = DEMO_PROMPTS[row] as (typeof DEMO_PROMPTS)[number];
  if (level === 'semantic') return semanticContext(prompt);
  const plan = (rows[row] as DemoReference['rows'][number]).semantic.tokens.filter((id) => id !== END);
  return tokenContext(prompt, { ids: Int32Array.from(plan) });
}

/** What the reference sampled. */
export function demoBatch(
  reference: DemoReference,
  rows: readonly number[],
  level: DemoLevel,
): ScoredBatch<TokenContext> {
  const levels = rows.map((row) => (reference.rows[row] as DemoReference['rows'][number])[level]);
  return {
    contexts: rows.map((row) => demoContext(reference, row, level)),
    completion: tokenBatch(levels.map(({ tokens }) => tokens)),
    space: DEMO_SPACES[level],
  };
}

/** Values of rows of different lengths, laid out as a batch, 0 on padding. */
export function paddedRows(rows: readonly (readonly number[])[], { width }: TokenBatch): Float64Array {
  const values = new Float64Array(rows.length * width);
  rows.forEach((row, r) => void values.set(row, r * width));
  return values;
}
