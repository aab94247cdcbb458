/** What the compiler says to somebody who gets an option, a result or a name wrong: it must lead to the mistake. */
import { describe, expect, it } from 'vitest';
import { typeErrors } from '../support/type-errors.js';

const RUN = `policy, rollout, reward, prompts: ['a dog'], steps: 1, learningRate: 1e-5`;
const GIVEN = `import { dapo, grpo, groupAdvantages, kl, levelLoss, presetObjective, rewardEnsemble, score, summarize, t2iR1, train } from 'bicot';
import type { Evaluation, Policy, RewardFunction, RolloutFunction, TokenContext, TrainProgress } from 'bicot';
declare const policy: Policy<TokenContext>;
declare const rollout: RolloutFunction<string, TokenContext>;
declare const reward: RewardFunction<string>;
declare const other: Policy<{ readonly label: number }>;
declare const progress: TrainProgress;
export const used: unknown = [dapo, grpo, groupAdvantages, kl, levelLoss, presetObjective, rewardEnsemble, score, summarize, t2iR1, train, policy, rollout, reward, other, progress];
export type Used = [Evaluation];
`;

const WRONG: readonly (readonly [what: string, code: string, ...says: RegExp[]])[] = [
  [
    'a misspelt option',
    `train({ ${RUN}, objective: t2iR1(), groupsize: 8 });`,
    /'groupsize' does not exist .* Did you mean to write 'groupSize'\?/s,
  ],
  [
    'an option that is missing',
    `train({ policy, rollout, reward, prompts: ['a dog'], steps: 1, learningRate: 1e-5 });`,
    /Property 'objective' is missing/,
  ],
  [
    'the name of an objective in place of the objective',
    `train({ ${RUN}, objective: 't2iR1' });`,
    /Type 'string' is not assignable to type 'Objective'/,
  ],
  [
    'an objective that does not exist',
    `presetObjective('grp0');`,
    /'"grp0"' is not assignable to parameter of type '"t2iR1" \| "balanced"/,
  ],
  [
    'a misspelt setting of a level',
    `grpo({ levels: { semantic: { wieght: 2 } } });`,
    /'wieght' does not exist .* Did you mean to write 'weight'\?/s,
  ],
  [
    'a normalizer that does not exist',
    `grpo({ normalizer: 'tokens' });`,
    /Type '"tokens"' is not assignable to type 'Normalizer/,
  ],
  [
    'an estimator that does not exist',
    `grpo({ klEstimator: 'k4' });`,
    /Type '"k4"' is not assignable to type .*KlKind|'"k4"'.*"k3"/s,
  ],
  [
    'a reward that returns numbers',
    `rewardEnsemble<string>({ long: async (samples) => samples.map(({ prompt }) => prompt.length) });`,
    /number.* is not assignable to type .*RewardResult/s,
  ],
  [
    'a policy that wants other contexts than the rollout makes',
    `train({ ${RUN.replace('policy', 'policy: other')}, objective: t2iR1() });`,
    /'TokenContext'|label/,
  ],
  [
    'a detail of a phase that has none',
    `if (progress.phase === 'reward') console.log(progress.detail);`,
    /Property 'detail' does not exist on type '\{ readonly step: number; \} & \{ readonly phase: "reward"; \}'/,
  ],
  [
    'the score of a reward that may have abstained',
    `reward([]).then(([result]) => result!.value);`,
    /Property 'value' does not exist on type 'RewardResult'/,
  ],
];

describe('the compiler', () => {
  const errors = typeErrors([GIVEN, ...WRONG.map(([, code]) => `${GIVEN}${code}\n`)]);

  it('has nothing to say about what is given', () => {
    expect(errors[0]).toEqual([]);
  });

  it.each(WRONG.map(([what, , ...says], i) => [what, i + 1, says] as const))('leads to %s', (_, i, says) => {
    expect(errors[i]?.length, errors[i]?.join('\n')).toBeGreaterThan(0);
    for (const text of says) expect(errors[i]?.join('\n')).toMatch(text);
  });
});
