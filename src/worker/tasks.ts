import * as tf from '@tensorflow/tfjs';
import { readInto } from '../backends/host-memory.js';
import type { LossObjective } from '../objective/loss.js';
import type { Surrogate } from '../objective/surrogates/surrogate.js';
import type {
  PostedLevel,
  PostedPass,
  PostedSampling,
  Task,
  TaskOf,
  TaskResults,
  WeightEntry,
} from '../parallel/protocol.js';
import type { Policy } from '../policy/policy.js';
import type { Recipe } from '../recipe.js';
import type { LevelRollout } from '../rollout/types.js';
import { type Completions, sampleCompletions } from '../sampling/sampler.js';
import type { Gradients } from '../train/gradients.js';
import { gradientPass, scorePass } from '../train/pass.js';
import { madeFrom } from './made.js';

/** What a task may do besides computing. */
export interface TaskHooks {
  readonly signal: AbortSignal;
  readonly onTokens: (tokens: number) => void;
}

/** What a worker computes with. */
export interface Replica {
  readonly policy: Policy<unknown>;
  /** Of the policy's variables, in shared memory. */
  readonly layout: readonly WeightEntry[];
  /** Makes surrogates. Default: by their recipes, from whatever module these name. */
  readonly surrogateOf?: (recipe: Recipe) => Promise<Surrogate>;
}

/** Does a task with a policy that has the task's weights. Results have memory of their own, gradients the task's. */
export function doTask(
  { policy, layout, surrogateOf = madeFrom }: Replica,
  task: Task,
  hooks: TaskHooks,
): Promise<TaskResults[keyof TaskResults]> {
  switch (task.kind) {
    case 'sample':
      return sample(policy, task.request, hooks);
    case 'score':
      return score(levelOf(policy, task.level));
    case 'gradients':
      return gradients(policy, layout, task, surrogateOf);
  }
}

/** How often a sampling says how far it is, at most. */
const TELL_EVERY_MS = 50;

function sample(
  policy: Policy<unknown>,
  request: PostedSampling,
  { signal, onTokens }: TaskHooks,
): Promise<Completions> {
  const { contexts, samplesPerContext, space, sampling, uniforms, tokensPerRow } = request;
  let told = Number.NEGATIVE_INFINITY;
  return sampleCompletions(policy, {
    ...{ contexts, samplesPerContext, space, sampling, signal },
    streams: (row) => {
      let next = row * tokensPerRow;
      return () => uniforms[next++] as number;
    },
    onProgress: ({ tokens, maxTokens }) => {
      // A message wakes the calling thread, which then takes a core from a worker.
      const now = performance.now();
      if (tokens < maxTokens && now - told < TELL_EVERY_MS) return;
      told = now;
      onTokens(tokens);
    },
  });
}

async function score(level: LevelRollout): Promise<Float32Array> {
  return (await scorePass({ level })).logProbs.slice();
}

async function gradients(
  policy: Policy<unknown>,
  layout: readonly WeightEntry[],
  { terms: { level, loss, ...terms }, memory }: TaskOf<'gradients'>,
  surrogateOf: (recipe: Recipe) => Promise<Surrogate>,
): Promise<PostedPass> {
  const surrogate = loss.surrogate && (await surrogateOf(loss.surrogate));
  const objective: LossObjective = { ...loss, surrogate };
  const pass = await gradientPass(
    { ...terms, level: levelOf(policy, level), loss: objective },
    policy.variables,
  );
  try {
    await share(pass.gradients, layout, new Float32Array(memory));
    return { loss: pass.loss, logProbs: pass.logProbs.slice(), names: Object.keys(pass.gradients) };
  } finally {
    tf.dispose(pass.gradients as tf.NamedTensorMap);
  }
}

/** Gradients to where the variables' weights are in the layout. */
async function share(
  gradients: Gradients,
  layout: readonly WeightEntry[],
  memory: Float32Array,
): Promise<void> {
  for (const { name, offset, size } of layout) {
    const gradient = gradients[name];
    if (gradient) await readInto(gradient, memory.subarray(offset, offset + size));
  }
}

function levelOf(policy: Policy<unknown>, level: PostedLevel): LevelRollout {
  return { ...level, policy };
}

/** The memory of a result, which is handed over and not copied. */
export function buffersOf(result: TaskResults[keyof TaskResults]): ArrayBuffer[] {
  const arrays: (ArrayBufferView | undefined)[] =
    result instanceof Float32Array
      ? [result]
      : 'completion' in result
        ? [
            result.completion.ids,
            result.completion.lengths,
            result.behaviourLogProbs,
            result.entropy,
            result.kept?.bits,
          ]
        : [result.logProbs];
  return [
    ...new Set(arrays.filter((array) => array !== undefined).map(({ buffer }) => buffer as ArrayBuffer)),
  ];
}
