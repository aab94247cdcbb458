import * as v from 'valibot';
import { abstain, failure, type RewardResult, score } from '../reward.js';
import type { Redact } from './address.js';
import { answerSchemas, namedSchema, responseSchema } from './protocol.js';
import { RewardServiceError } from './service-error.js';

/** Words of a service are cut here. */
const LONGEST_WORDS = 300;

/** Who answered, for messages, and what may not be in them. */
interface Source {
  /** E.g. `httpReward: https://rewards.example/score`. */
  readonly from: string;
  readonly redact: Redact;
}

/**
 * What a service's answer says about the samples that it was asked about. A sample gets the score under its own id or none:
 * the order of the entries means nothing, and an answer with ids that were not asked for is not believed at all.
 * @param ids of the samples, in the request's order
 * @returns one result for each id, in their order
 * @throws RewardServiceError if it is no answer of the protocol
 */
export function readAnswers(answer: unknown, ids: readonly string[], source: Source): RewardResult[] {
  const { from } = source;
  const parsed = v.safeParse(responseSchema, answer);
  if (!parsed.success) {
    throw new RewardServiceError(
      `${from} answered with something else than { protocol: 1, results: […] } (${issuesOf(parsed.issues, source)}). ` +
        'Compare what it speaks with docs/rewards/http.md.',
      { retryable: false },
    );
  }
  const entries = new Map<string, unknown[]>(ids.map((id) => [id, []]));
  let [unknown, nameless] = [[] as string[], 0];
  for (const entry of parsed.output.results) {
    const named = v.safeParse(namedSchema, entry);
    const id = named.success ? named.output.id : undefined;
    if (id === undefined) nameless++;
    else if (entries.has(id)) entries.get(id)?.push(entry);
    else unknown.push(id);
  }
  if (unknown.length > 0) {
    const shown = quoted(unknown[0] as string, source);
    const reason = `${from} answered with ${unknown.length} ids that were not asked for, such as ${shown}: nothing in it is believed.`;
    return ids.map(() => failure(reason));
  }
  return ids.map((id) => {
    const [entry, ...others] = entries.get(id) ?? [];
    if (others.length > 0) return failure(`${from} has ${others.length + 1} results for sample ${id}.`);
    if (entry !== undefined) return readEntry(entry, id, source);
    const hint = nameless > 0 ? `, and ${nameless} results without an id` : '';
    return failure(`${from} has no result for sample ${id}${hint}.`);
  });
}

function readEntry(entry: unknown, id: string, source: Source): RewardResult {
  const { from, redact } = source;
  const words = (text: string): string => cut(redact(text));
  const kinds = Object.keys(answerSchemas).filter((kind) => Object.hasOwn(entry as object, kind));
  if (kinds.length !== 1) {
    const has = kinds.length === 0 ? 'none of them' : kinds.join(' and ');
    return failure(
      `${from}: the result of sample ${id} has ${has}; expected one of score, abstain and error.`,
    );
  }
  const scored = v.safeParse(answerSchemas.score, entry);
  if (scored.success) return score(scored.output.score);
  const abstained = v.safeParse(answerSchemas.abstain, entry);
  if (abstained.success) {
    const { reason } = abstained.output;
    return abstain(reason === undefined ? undefined : words(reason));
  }
  const failed = v.safeParse(answerSchemas.error, entry);
  if (failed.success) return failure(`${from}: ${words(failed.output.error)}`);
  const value = (entry as Record<string, unknown>)[kinds[0] as string];
  const wanted = {
    score: 'a finite number',
    abstain: 'true, with a reason in words or none',
    error: 'words',
  };
  return failure(
    `${from}: the result of sample ${id} has the ${kinds[0]} ${quoted(value, source)}; expected ` +
      `${wanted[kinds[0] as keyof typeof wanted]}.`,
  );
}

const issuesOf = (issues: readonly v.BaseIssue<unknown>[], { redact }: Source): string =>
  cut(redact(issues.map((issue) => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`).join('; ')));

/** A value from outside, short and without what a terminal would obey. JSON knows no infinity, which 1e999 becomes. */
function quoted(value: unknown, { redact }: Source): string {
  if (typeof value === 'number') return String(value);
  try {
    return cut(redact(JSON.stringify(value) ?? 'undefined'));
  } catch {
    return 'something nested too deeply to be shown';
  }
}

const cut = (text: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return plain.length > LONGEST_WORDS ? `${plain.slice(0, LONGEST_WORDS)}…` : plain;
};
