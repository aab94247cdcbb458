import * as tf from '@tensorflow/tfjs';
import type { LossObjective } from '../objective/loss.js';
import type { Surrogate } from '../objective/surrogates/surrogate.js';
import type {
  HostPass,
  PostedLevel,
  PostedSampling,
  PostedTerms,
  Task,
  TaskResults,
} from '../parallel/protocol.js';
import type { Policy } from '../policy/policy.js';
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

/** Does a task with a policy that has the task's weights. Results have memory of their own. */
export function doTask(
  policy: Policy<unknown>,
  task: Task,
  hooks: TaskHooks,
): Promise<TaskResults[keyof TaskResults]> {
  switch (task.kind) {
    case 'sample':
      return sample(policy, task.request, hooks);
    case 'score':
      return score(levelOf(policy, task.level));
    case 'gradients':
      return gradients(policy, task.terms);
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

async function gradients(policy: Policy<unknown>, { level, loss, ...terms }: PostedTerms): Promise<HostPass> {
  const surrogate = loss.surrogate && (await madeFrom<Surrogate>(loss.surrogate));
  const objective: LossObjective = { ...loss, surrogate };
  const pass = await gradientPass(
    { ...terms, level: levelOf(policy, level), loss: objective },
    policy.variables,
  );
  try {
    return { loss: pass.loss, logProbs: pass.logProbs.slice(), gradients: await onHost(pass.gradients) };
  } finally {
    tf.dispose(pass.gradients as tf.NamedTensorMap);
  }
}

/** Values side by side in memory of their own: what a backend gives may be its own, and one buffer is handed over fast. */
async function onHost(gradients: Gradients): Promise<Record<string, Float32Array>> {
  const tensors = Object.entries(gradients);
  const all = new Float32Array(tensors.reduce((sum, [, { size }]) => sum + size, 0));
  const values: Record<string, Float32Array> = {};
  let offset = 0;
  for (const [name, gradient] of tensors) {
    all.set((await gradient.data()) as Float32Array, offset);
    values[name] = all.subarray(offset, offset + gradient.size);
    offset += gradient.size;
  }
  return values;
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
        : [result.logProbs, ...Object.values(result.gradients)];
  return [
    ...new Set(arrays.filter((array) => array !== undefined).map(({ buffer }) => buffer as ArrayBuffer)),
  ];
}
