import { type Completions, completionLogProbs, type DecodingSession, uniformStream } from 'bicot';
import type { TransformerPolicy } from 'bicot/models';
import { type Check, TOLERANCE } from '../check.js';
import type { Problem, ProblemLevel } from '../problem.js';
import type { Sampler } from '../variants.js';
import { contextsOf } from './policy.js';

/** Draws an image for every sample of every prompt. */
export function decode(problem: Problem, sampler: Sampler): Promise<Completions> {
  const { space, sampling } = problem.levels.at(-1) as ProblemLevel;
  return sampler.sample({
    contexts: contextsOf(problem.prompts),
    samplesPerContext: problem.groupSize,
    space,
    streams: (row) => uniformStream('bench', 'decoding', row),
    sampling: { temperature: sampling.temperature },
  });
}

/** Log-probs of a level's tokens, decoded with the policy's cache. */
export async function decodeCheck(policy: TransformerPolicy, level: ProblemLevel): Promise<Check> {
  const { contexts, tokens, space, sampling, name } = level;
  const { guidance, temperature } = sampling;
  const conditional = contextsOf(contexts);
  const branches =
    guidance === 1 ? [conditional] : [conditional, conditional.map((c) => policy.unconditional?.(c) ?? c)];
  const options = { samplesPerContext: 1, maxTokens: sampling.maxTokens };
  const sessions = branches.map(
    (branch) => policy.startDecoding?.(branch, space, options) as DecodingSession,
  );
  const logProbs = tokens.map((): number[] => []);
  const width = Math.max(...tokens.map((row) => row.length));
  for (let t = 0; t < width; t++) {
    const fed = t === 0 ? undefined : Int32Array.from(tokens, (row) => row[t - 1] ?? 0);
    const [given, without] = await Promise.all(sessions.map((session) => read(session, fed)));
    tokens.forEach((row, n) => {
      if (t >= row.length || !given) return;
      const size = given.length / tokens.length;
      const logits = Array.from({ length: size }, (_, v) => {
        const [c, u] = [given[n * size + v] as number, without?.[n * size + v]];
        return (u === undefined ? c : u + guidance * (c - u)) / temperature;
      });
      logProbs[n]?.push((logits[row[t] as number] as number) - logSumExp(logits));
    });
  }
  for (const session of sessions) session.dispose();
  return { [`decoded ${name} log-probs`]: { values: logProbs.flat() } };
}

async function read(session: DecodingSession, fed: Int32Array | undefined): Promise<Float32Array> {
  const logits = session.next(fed?.slice());
  const values = (await logits.data()) as Float32Array;
  logits.dispose();
  return values.slice();
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

/** Throws unless what was sampled has the log-probs that training would give it: the sampler may decode otherwise. */
export async function assertScored(
  problem: Problem,
  policy: TransformerPolicy,
  sampled: Completions,
): Promise<void> {
  const { space, contexts } = problem.levels.at(-1) as ProblemLevel;
  const scores = completionLogProbs(policy, {
    contexts: contextsOf(contexts),
    completion: sampled.completion,
    space,
  });
  const expected = await scores.data();
  scores.dispose();
  const wrong = sampled.behaviourLogProbs.findIndex(
    (value, i) => !(Math.abs(value - (expected[i] as number)) <= TOLERANCE * 10),
  );
  if (wrong >= 0) throw new Error(`The sampler's log-prob ${wrong} is not that of the policy.`);
}
