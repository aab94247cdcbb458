/** What TypeScript knows without being told: contexts, prompts, results, names. `npm run typecheck` is what tests it. */
import {
  abstain,
  type BicotErrorCode,
  type ByLevel,
  biLevelRollout,
  type CheckLevel,
  dapo,
  type FindingCode,
  failure,
  type KlKind,
  type LevelMetrics,
  type LevelName,
  type LevelObjective,
  type Normalizer,
  type Objective,
  oneLevelRollout,
  type Policy,
  type PresetName,
  type RewardFunction,
  type RewardResult,
  type RolloutFunction,
  rewardEnsemble,
  type StepMetrics,
  score,
  type TokenContext,
  type TokenSpace,
  type TrainStep,
  t2iR1,
  train,
} from 'bicot';
import { createTransformer, type TransformerPolicy } from 'bicot/models';
import { describe, expectTypeOf, it } from 'vitest';

interface Row {
  readonly prompt: string;
  readonly task: 'color' | 'shape';
}
interface Label {
  readonly label: number;
}
declare const policy: Policy<Label>;

describe('types', () => {
  it('of prompts and contexts go from the rollout to the rewards and the steps', () => {
    const check = () => {
      const rollout = biLevelRollout({
        policy,
        semantic: { space: 'text', sampling: {}, context: ({ task }: Row) => ({ label: task.length }) },
        token: {
          space: 'image',
          sampling: {},
          context: (row, plan) => ({ label: row.task.length + plan.ids.length }),
        },
      });
      expectTypeOf(rollout).toEqualTypeOf<RolloutFunction<Row, Label>>();
      const reward = rewardEnsemble<Row>({
        color: async (samples) =>
          samples.map(({ prompt }) => (prompt.task === 'color' ? score(1) : abstain())),
        // @ts-expect-error: rows have no colour
        wrong: async (samples) => samples.map(({ prompt }) => score(prompt.colour)),
      });
      expectTypeOf(reward).toExtend<RewardFunction<Row>>();
      const prompts: readonly Row[] = [];
      const steps = train({ policy, rollout, reward, prompts, steps: 1, learningRate: 1, objective: dapo() });
      expectTypeOf(steps).toExtend<AsyncIterable<TrainStep<Row, Label>>>();
      const strings = rewardEnsemble<string>({ long: async (samples) => samples.map(() => score(1)) });
      // @ts-expect-error: what judges strings does not judge rows
      const judge: RewardFunction<Row> = strings;
      expectTypeOf(judge).toBeFunction();
    };
    expectTypeOf(check).toBeFunction();
  });

  it('of a policy know the context of the model', () => {
    expectTypeOf(createTransformer).returns.toEqualTypeOf<TransformerPolicy>();
    expectTypeOf<TransformerPolicy>().toExtend<Policy<TokenContext>>();
    expectTypeOf(oneLevelRollout<string, Label>).returns.toEqualTypeOf<RolloutFunction<string, Label>>();
    // @ts-expect-error: a policy of labels does not read tokens
    expectTypeOf<Policy<Label>>().toExtend<Policy<TokenContext>>();
  });

  it('of results are told apart by their kind', () => {
    const read = (result: RewardResult): number | string | undefined => {
      switch (result.kind) {
        case 'score':
          return expectTypeOf(result.value).toBeNumber() ? result.value : undefined;
        case 'abstain':
          return result.reason;
        case 'failure':
          return expectTypeOf(result.reason).toBeString() ? result.reason : undefined;
        default:
          return result satisfies never;
      }
    };
    expectTypeOf(read).returns.toEqualTypeOf<number | string | undefined>();
    expectTypeOf(score(1).kind).toEqualTypeOf<'score'>();
    expectTypeOf(failure('').kind).toEqualTypeOf<'failure'>();
    const lengthOf = (space: TokenSpace): number =>
      space.kind === 'image' ? space.length : (space.endToken ?? 0);
    expectTypeOf(lengthOf).returns.toBeNumber();
  });

  it('of names are literals', () => {
    expectTypeOf<'t2iR1' | 'grpo' | 'dapo'>().toExtend<PresetName>();
    expectTypeOf<string>().not.toExtend<PresetName>();
    expectTypeOf<string>().not.toExtend<BicotErrorCode>();
    expectTypeOf<string>().not.toExtend<FindingCode>();
    expectTypeOf<string>().not.toExtend<KlKind>();
    expectTypeOf<Normalizer>().not.toEqualTypeOf<string>();
    expectTypeOf<CheckLevel>().toEqualTypeOf<'ok' | 'note' | 'warning' | 'error'>();
  });

  it("of levels know bicot's two names and take others", () => {
    expectTypeOf<'semantic' | 'token'>().toExtend<LevelName>();
    expectTypeOf<string>().toExtend<LevelName>();
    expectTypeOf<StepMetrics['levels']['token']>().toEqualTypeOf<LevelMetrics | undefined>();
    expectTypeOf<keyof Pick<ByLevel<number>, 'semantic' | 'token'>>().toEqualTypeOf<'semantic' | 'token'>();
    expectTypeOf<Record<string, Partial<LevelObjective>>>().toExtend<NonNullable<Objective['levels']>>();
    expectTypeOf(t2iR1).parameter(0).exclude(undefined).toHaveProperty('levels');
    expectTypeOf(
      t2iR1({ levels: { token: { weight: 2 }, third: { weight: 0 } } }),
    ).toEqualTypeOf<Objective>();
  });
});
