import type { LevelName } from '../objective/level-name.js';
import type { SamplingOptions } from '../policy/distribution.js';
import type { KeptSet } from '../policy/kept.js';
import type { Policy } from '../policy/policy.js';
import type { TokenBatch } from '../policy/tokens.js';
import type { Sample } from '../rewards/reward.js';

/** What was sampled at one level of a rollout, and everything needed to score its tokens again. */
export interface LevelRollout<Context = unknown> {
  /** `semantic`, `token`, or a name of the user's. */
  readonly name: LevelName;
  /** The token space, a key of `policy.spaces`. */
  readonly space: string;
  /** Who sampled it: usually the trained policy; a level may have one of its own. */
  readonly policy: Policy<Context>;
  /** `[R]`: what each row was conditioned on; rows of one prompt may share an object. */
  readonly contexts: readonly Context[];
  /** `[R, T]`. */
  readonly completion: TokenBatch;
  /** `[R · T]`: log-probs under the distribution really sampled from; 0 on padding. */
  readonly behaviourLogProbs: Float32Array;
  /** `[R · T]`: entropy in nats of that distribution; 0 on padding. */
  readonly entropy: Float32Array;
  /** How it was sampled. */
  readonly sampling: SamplingOptions;
  /** Which tokens truncation kept, when recorded. */
  readonly kept?: KeptSet;
  /** Samples that share one row: sample `i` used row `floor(i / samplesPerRow)`. 1 unless a plan has several images. */
  readonly samplesPerRow: number;
}

/** A batch of grouped samples: N = prompts · groupSize, samples of one prompt side by side. */
export interface Rollout<Prompt = unknown, Context = unknown> {
  /** `[B]`. */
  readonly prompts: readonly Prompt[];
  /** G: samples per prompt. */
  readonly groupSize: number;
  /** In the order they were generated. */
  readonly levels: readonly LevelRollout<Context>[];
  /** `[N]`: what the rewards see. */
  readonly samples: readonly Sample<Prompt>[];
}
