import { biLevelRollout, rewardEnsemble, score, type TokenContext } from 'bicot';
import { createTransformer } from 'bicot/models';
import { defineRun } from 'bicot/node';

const encode = (text: string): number[] => text.split(' ').map(({ length }) => 4 + (length % 8));

export default defineRun<string, TokenContext>({
  steps: 4,
  learningRate: 0.01,
  objective: { preset: 'balanced', klWeight: 0.02 },
  groupSize: 4,
  backend: 'wasm',
  checkpoints: { every: 2, best: 'length' },
  async setup() {
    const policy = createTransformer(
      {
        textVocabulary: 12,
        imageVocabulary: 16,
        imageLength: 9,
        endToken: 2,
        specialTokens: 4,
        width: 8,
        layers: 1,
        heads: 1,
        hidden: 8,
      },
      {
        imageTokenizer: {
          decode: async ({ ids, rows }) =>
            Array.from({ length: rows }, (_, row) => ({
              width: 3,
              height: 3,
              data: Uint8Array.from(
                { length: 27 },
                (_, at) => 16 * (ids[9 * row + Math.floor(at / 3)] as number),
              ),
            })),
        },
      },
    );
    return {
      policy,
      rollout: biLevelRollout<string, TokenContext>({
        policy,
        semantic: {
          space: 'text',
          sampling: { maxTokens: 6 },
          context: (prompt) => ({ ids: Int32Array.of(1, ...encode(prompt), 2) }),
        },
        token: {
          space: 'image',
          sampling: {},
          context: (prompt, plan) => ({ ids: Int32Array.of(1, ...encode(prompt), ...plan.ids, 3) }),
        },
      }),
      reward: rewardEnsemble<string>({
        length: async (samples) => samples.map(({ tokens }) => score(tokens.semantic?.length ?? 0)),
      }),
      prompts: ['a dog', 'two cats', 'a very red car'],
    };
  },
});
