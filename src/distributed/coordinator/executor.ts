import { BicotError } from '../../errors.js';
import { assertOwnPolicy, type Executor, type WeightSnapshot } from '../../parallel/executor.js';
import { postedLevel } from '../../parallel/posted.js';
import type { WeightSet } from '../../parallel/protocol.js';
import { sampleByTasks } from '../../parallel/sample.js';
import type { NamedTensors } from '../../parallel/shared-weights.js';
import type { Policy } from '../../policy/policy.js';
import { concatEnsembleResults } from '../../rewards/ensemble/concat.js';
import type { EnsembleResult } from '../../rewards/ensemble/result.js';
import { groupSizeOf } from '../../rewards/groups.js';
import type { Sample } from '../../rewards/reward.js';
import type { LevelRollout } from '../../rollout/types.js';
import { type SampleFunction, sampleCompletions } from '../../sampling/sampler.js';
import type { PublishedWeights } from '../weights/publish.js';
import type { Board } from './board.js';
import { assertRows } from './inspect.js';
import type { BullMqSettings } from './options.js';
import { sentTerms } from './sent.js';

/** What an executor's functions work with. */
export interface ExecutorTools<C> {
  readonly policy: Policy<C>;
  readonly settings: BullMqSettings;
  readonly board: Board;
  readonly weights: PublishedWeights;
}

/** The functions of an executor over a board. */
export function overBoard<C>({
  policy,
  settings,
  board,
  weights,
}: ExecutorTools<C>): Omit<Executor<C>, 'dispose'> {
  const isOwn = (other: unknown): boolean => other === policy;
  // Publications wait for each other: the values of one may not be read while another looks which are new.
  let publishing: Promise<unknown> = Promise.resolve();
  const publish = (set: WeightSet, tensors: NamedTensors): Promise<string> => {
    const turn = publishing.then(() => weights.publish(set, tensors));
    publishing = turn.catch(() => {});
    return turn;
  };
  /** Does something with the weights of now, which stay until it is over. */
  const withWeights = async <T>(
    set: WeightSet,
    tensors: NamedTensors,
    action: (version: string) => Promise<T>,
  ): Promise<T> => {
    const version = await publish(set, tensors);
    try {
      return await action(version);
    } finally {
      weights.release(version);
    }
  };

  const samplerAt =
    (version: string): SampleFunction =>
    (other, request) =>
      isOwn(other)
        ? sampleByTasks(
            {
              name: 'bullmq, sample',
              rowsPerTask: settings.rowsPerTask,
              sample: async (chunk, { signal, onTokens }) => {
                const units = chunk.contexts.length * chunk.samplesPerContext;
                const payload = { request: chunk };
                const spec = { task: 'sample', payload, units, weights: { set: 'policy', version } } as const;
                const completions = await board.run(spec, signal);
                assertRows('a rollout', completions.completion.rows, units);
                onTokens?.(completions.completion.width);
                return completions;
              },
            },
            other,
            request,
          )
        : sampleCompletions(other, request);

  const rowsOf = (level: LevelRollout<C>): number => level.completion.rows * level.samplesPerRow;

  return {
    policy,
    get workers() {
      return Math.max(1, board.slots('gradient'));
    },
    tasks: settings.tasks,
    sample: (other, request) =>
      isOwn(other)
        ? withWeights('policy', policy.variables, (version) => samplerAt(version)(other, request))
        : sampleCompletions(other, request),
    async score(level, { reference, signal } = {}) {
      assertOwnPolicy('bullmq, score: the level', isOwn(level.policy));
      assertOwnPolicy('bullmq, score: the reference', !reference || isOwn(reference.snapshotOf));
      const payload = { level: postedLevel(level) };
      const set = reference ? 'reference' : 'policy';
      return withWeights(set, reference?.weights ?? policy.variables, async (version) => {
        const spec = { task: 'score', payload, units: rowsOf(level), weights: { set, version } } as const;
        const { logProbs } = await board.run(spec, signal);
        assertRows('a score', logProbs.length, level.completion.rows * level.completion.width);
        return logProbs;
      });
    },
    async gradients(terms, { signal } = {}) {
      const { level } = terms;
      assertOwnPolicy('bullmq, gradients: the level', isOwn(level.policy));
      const payload = sentTerms(terms);
      return withWeights('policy', policy.variables, async (version) => {
        const weightsOf = { set: 'policy', version } as const;
        const spec = { task: 'gradients', payload, units: rowsOf(level), weights: weightsOf } as const;
        const pass = await board.run(spec, signal);
        for (const [name, values] of Object.entries(pass.gradients)) {
          assertRows(`the gradient of ${name}`, values.length, policy.variables[name]?.size ?? 0);
        }
        return { ...pass, release: () => {} };
      });
    },
    reward: async (samples, { signal } = {}) => {
      const parts = await Promise.all(
        groupsOf(samples, settings.groupsPerTask).map((some) =>
          board.run({ task: 'reward', payload: { samples: some }, units: some.length }, signal),
        ),
      );
      for (const [i, { total }] of parts.entries()) {
        assertRows('a reward', total.length, (groupsOf(samples, settings.groupsPerTask)[i] ?? []).length);
      }
      const [first, ...rest] = parts;
      if (first) return concatEnsembleResults([first, ...rest] as [EnsembleResult, ...EnsembleResult[]]);
      throw new BicotError('shape', 'bullmq, reward: there are no samples.');
    },
    async snapshot(): Promise<WeightSnapshot> {
      const version = await publish('policy', policy.variables);
      let released = false;
      return {
        sample: samplerAt(version),
        release() {
          if (!released) weights.release(version);
          released = true;
        },
      };
    },
  };
}

/** Whole groups, so many at once; renumbered, as a worker sees no others. */
function groupsOf(samples: readonly Sample[], groups: number): Sample[][] {
  const size = groupSizeOf(samples) * groups;
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => {
    const some = samples.slice(i * size, (i + 1) * size);
    const first = some[0]?.group ?? 0;
    return some.map((one) => ({ ...one, group: one.group - first }));
  });
}
