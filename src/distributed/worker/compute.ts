import { BicotError } from '../../errors.js';
import { setKernels } from '../../kernels/choice.js';
import type { Surrogate } from '../../objective/surrogates/surrogate.js';
import type { WeightEntry } from '../../parallel/protocol.js';
import { layoutMemory } from '../../parallel/shared-weights.js';
import type { Policy } from '../../policy/policy.js';
import type { Recipe } from '../../recipe.js';
import { evaluateReward } from '../../rewards/ensemble/ensemble.js';
import type { RewardFunction } from '../../rewards/reward.js';
import { madeFrom } from '../../worker/made.js';
import { doTask } from '../../worker/tasks.js';
import { type LocalWeights, localWeights } from '../../worker/weights.js';
import { type Payloads, payloadOf, type SentSurrogate } from '../wire/check.js';
import type { JobData, JobKind } from '../wire/protocol.js';

/** What a worker computes with, made on its own machine. */
export interface WorkerParts<P = never, C = never> {
  /** Weights are overwritten by those of the run. */
  readonly policy: Policy<C> & {
    /** Called when the worker ends. */
    dispose?(): void;
  };
  /** For jobs of the kind `reward`. */
  readonly reward?: RewardFunction<P>;
  /** Surrogates of one's own that the objective uses; jobs name them. */
  readonly surrogates?: readonly Surrogate[];
}

/** Does the tasks of jobs, one at a time. */
export interface Computer {
  readonly kinds: readonly JobKind[];
  /**
   * @param weights of the job's version; absent for jobs without
   * @returns what the result is, as plain data, and what it took without waiting
   * @throws what the task throws
   */
  compute(
    data: JobData,
    payload: unknown,
    weights: SharedArrayBuffer | undefined,
  ): Promise<{ readonly result: unknown; readonly seconds: number }>;
}

/** Surrogates of bicot's own that a job may ask for with arguments. */
const OWN_SURROGATES: readonly string[] = ['clipped', 'unclipped', 'clippedWeight', 'softGate'];

/** @param layout of the policy's variables */
export function computer<P, C>(parts: WorkerParts<P, C>, layout: readonly WeightEntry[]): Computer {
  const policy = parts.policy as unknown as Policy<unknown>;
  const weights: LocalWeights = localWeights(policy.variables, layout);
  /** `localWeights` goes by numbers. */
  const numbers = new Map<string, number>();
  let last: Promise<unknown> = Promise.resolve();
  const hooks = { signal: new AbortController().signal, onTokens: () => {} };

  const use = ({ weights: of }: JobData, buffer: SharedArrayBuffer | undefined): void => {
    if (!of || !buffer) return;
    const version = numbers.get(of.version) ?? numbers.size + 1;
    numbers.set(of.version, version);
    weights.use({ set: of.set, version, buffer });
  };

  const surrogateOf = async ({ own, name, args }: SentSurrogate): Promise<Surrogate> => {
    if (own && OWN_SURROGATES.includes(name)) return madeFrom<Surrogate>({ name, args });
    const found = own ? undefined : parts.surrogates?.find((one) => one.name === name);
    if (found) return found;
    throw new BicotError(
      'unsupported',
      `distributed: the objective uses the surrogate '${name}', which this worker does not have. No code travels: give it to the workers in their configuration (surrogates).`,
    );
  };

  const doGradients = async ({ terms, surrogate }: Payloads['gradients']) => {
    const memory = layoutMemory(layout);
    const made = surrogate && (await surrogateOf(surrogate));
    const replica = { policy, layout, ...(made && { surrogateOf: async (_: Recipe) => made }) };
    const loss = { ...terms.loss, surrogate: made && { name: made.name, args: [] } };
    const pass = await doTask(replica, { kind: 'gradients', terms: { ...terms, loss }, memory }, hooks);
    const { names, ...rest } = pass as { names: readonly string[]; loss: number; logProbs: Float32Array };
    const all = new Float32Array(memory);
    const present = new Set(names);
    const gradients = layout
      .filter(({ name }) => present.has(name))
      .map(({ name, offset, size }) => [name, all.subarray(offset, offset + size)] as const);
    return { ...rest, gradients: Object.fromEntries(gradients) };
  };

  const compute = async (data: JobData, payload: unknown, buffer: SharedArrayBuffer | undefined) => {
    setKernels(...data.kernels);
    use(data, buffer);
    switch (data.task) {
      case 'sample':
        return doTask({ policy, layout }, { kind: 'sample', ...payloadOf('sample', payload) }, hooks);
      case 'score':
        return {
          logProbs: await doTask(
            { policy, layout },
            { kind: 'score', ...payloadOf('score', payload) },
            hooks,
          ),
        };
      case 'gradients':
        return doGradients(payloadOf('gradients', payload));
      case 'reward':
        return evaluateReward(parts.reward as RewardFunction<unknown>, payloadOf('reward', payload).samples);
    }
  };

  return {
    kinds: ['rollout', 'gradient', ...(parts.reward ? (['reward'] as const) : [])],
    compute(data, payload, buffer) {
      const turn = last.then(async () => {
        const start = performance.now();
        const result = await compute(data, payload, buffer);
        return { result, seconds: (performance.now() - start) / 1000 };
      });
      last = turn.catch(() => {});
      return turn;
    },
  };
}
