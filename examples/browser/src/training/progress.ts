import type { TrainProgress } from 'bicot';

/** Where each part of a step begins and ends, of 1: about the time that it takes. */
const PARTS = {
  plan: [0, 0.12],
  picture: [0.12, 0.5],
  reward: [0.5, 0.55],
  reference: [0.55, 0.65],
  update: [0.65, 1],
} as const;

/** What a step is doing, for people, and how far it is. */
export function progressOf(progress: TrainProgress): { text: string; fraction: number } {
  switch (progress.phase) {
    case 'rollout': {
      const { detail } = progress;
      if (detail === undefined || detail.level === 'semantic') {
        return { text: 'writing plans', fraction: within('plan', detail?.tokens, detail?.maxTokens) };
      }
      return {
        text: `drawing token ${detail.tokens} of ${detail.maxTokens}`,
        fraction: within('picture', detail.tokens, detail.maxTokens),
      };
    }
    case 'reward':
      return { text: 'asking the rewards', fraction: within('reward', 0, 1) };
    case 'reference':
      return { text: 'comparing with the base model', fraction: within('reference', 0, 1) };
    case 'update': {
      const { detail } = progress;
      const level = detail && detail.level === 'semantic' ? 0 : 1;
      const share = detail ? (level + detail.samples / detail.total) / 2 : 0;
      return { text: 'computing gradients', fraction: within('update', share, 1) };
    }
    case 'save':
      return { text: 'saving', fraction: 1 };
  }
}

function within(part: keyof typeof PARTS, done = 0, total = 1): number {
  const [begin, end] = PARTS[part];
  return begin + ((end - begin) * done) / total;
}
