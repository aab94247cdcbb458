import * as v from 'valibot';

/** The version of the protocol that is spoken here. */
export const REWARD_PROTOCOL = 1;

/** One sample as it is sent. */
export interface RewardRequestSample {
  /** Names the sample in the answer; unique among all requests of one reward. */
  readonly id: string;
  /** The prompt's row, or what the option `fields` chose of it. */
  readonly prompt: unknown;
  /** Absent if the rollout has no plan. */
  readonly plan?: string;
  /** A PNG file (8-bit RGB) in base64; absent if the rollout has no picture. */
  readonly image?: string;
  /** Which prompt of the batch it belongs to. */
  readonly group: number;
  /** Its place within the group. */
  readonly index: number;
}

/** The body of a request. */
export interface RewardRequest {
  /** The version of the protocol that this is written in. */
  readonly protocol: typeof REWARD_PROTOCOL;
  /** At least one; ids tell them apart, not their order. */
  readonly samples: readonly RewardRequestSample[];
}

/** What a service says about one sample: exactly one of `score`, `abstain` and `error`. */
export type RewardAnswer =
  | {
      /** The sample's, from the request. */
      readonly id: string;
      /** Any finite number; the higher, the better. */
      readonly score: number;
    }
  | {
      /** The sample's, from the request. */
      readonly id: string;
      /** The reward does not apply to this sample. */
      readonly abstain: true;
      /** Why not, for logs. */
      readonly reason?: string;
    }
  | {
      /** The sample's, from the request. */
      readonly id: string;
      /** Why the sample could not be scored: it is a failure, and may be asked about again. */
      readonly error: string;
    };

/** The body of an answer. */
export interface RewardResponse {
  /** May be left out. */
  readonly protocol?: typeof REWARD_PROTOCOL;
  /** One for each sample, in any order. */
  readonly results: readonly RewardAnswer[];
}

/** What a service says at `/health`; more fields of its own are kept. */
export interface RewardServiceHealth {
  /** The version that it speaks; another one is refused. */
  readonly protocol: typeof REWARD_PROTOCOL;
  /** What the service calls itself, e.g. its model. */
  readonly name: string;
  /** Whatever else the service tells. */
  readonly [field: string]: unknown;
}

const version = v.literal(REWARD_PROTOCOL);

/** The whole of an answer; its entries are looked at one by one, so that one that is wrong costs one sample. */
export const responseSchema = v.object({ protocol: v.optional(version), results: v.array(v.unknown()) });

/** An entry that can be attributed to a sample. */
export const namedSchema = v.looseObject({ id: v.string() });

/** An entry, when its id and its kind are known. */
export const answerSchemas = {
  score: v.object({ score: v.pipe(v.number(), v.finite()) }),
  abstain: v.object({ abstain: v.literal(true), reason: v.optional(v.string()) }),
  error: v.object({ error: v.string() }),
} as const;

/** What `/health` answers. */
export const healthSchema = v.looseObject({ protocol: version, name: v.string() });

/**
 * A value as JSON. Python writes NaN and infinities into JSON, where they do not belong: they are read as strings, so that
 * they spoil the one entry which they are in and nothing else.
 * @throws SyntaxError if it is no JSON
 */
export function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A string that does not end goes up to the end of the text, which keeps the search linear.
    const mended = text.replace(/"(?:[^"\\]|\\.)*(?:"|$)|-?\b(?:NaN|Infinity)\b/gs, (found) =>
      found.startsWith('"') ? found : `"${found}"`,
    );
    return JSON.parse(mended);
  }
}
