import type { Check } from '../run-checks.js';
import { checkDecoding, checkSession } from './decoding.js';
import { checkLeaks } from './leaks.js';
import { checkLogProbGradients, checkLogProbs } from './log-probs.js';
import {
  checkBatchInvariance,
  checkCausality,
  checkDeterminism,
  checkPaddingInvariance,
  checkShapes,
  checkVariation,
} from './logits.js';
import { checkGuidance, checkSampling, checkUnconditional } from './sampling.js';
import type { Subject } from './subject.js';
import { checkEndToken, checkImageDecoding, checkSpace, checkTextCodec } from './token-space.js';
import { checkGradients, checkUnlisted } from './variables.js';

/**
 * What is checked of each space, causes before consequences.
 * @param reached receives the names of the variables that a gradient reached
 */
export function spaceChecks<Context>(
  { tokens }: Subject<Context>,
  reached: Set<string>,
): Check<Subject<Context>>[] {
  const { kind, endToken } = tokens;
  const idle = [
    ...(kind === 'image' ? ['text codec'] : ['image decoding']),
    ...(kind === 'image' && endToken === undefined ? ['end token'] : []),
  ];
  return allChecks<Context>(reached).filter(({ check }) => !idle.includes(check));
}

const allChecks = <Context>(reached: Set<string>): Check<Subject<Context>>[] => [
  {
    check: 'token space',
    suggestion: 'Correct policy.spaces: size is the number of tokens, length the tokens of one image.',
    measure: checkSpace,
  },
  {
    check: 'end token',
    needs: ['token space'],
    suggestion: 'Set endToken to the id of the token that ends a text, or leave it out.',
    measure: checkEndToken,
  },
  {
    check: 'text codec',
    needs: ['token space'],
    suggestion:
      'Any id in [0, size) can be sampled: let decode take them all (padding of the vocabulary and special tokens too) and encode stay within them.',
    measure: checkTextCodec,
  },
  {
    check: 'image decoding',
    needs: ['token space'],
    suggestion:
      'Any tokens in [0, size) can be sampled: let decode take them all and give one RGB picture per row, all of one size, that shows the tokens.',
    measure: checkImageDecoding,
  },
  {
    check: 'shapes',
    needs: ['token space'],
    suggestion:
      'Return [N, T, V] from logits: a row per context, an entry per token of the completion (its padding too), a logit per token of the space.',
    measure: checkShapes,
  },
  {
    check: 'determinism',
    needs: ['shapes'],
    suggestion:
      'Switch dropout off, and whatever else is random or remembers the call before: what is sampled would not be what is trained.',
    measure: checkDeterminism,
  },
  {
    check: 'logits vary',
    needs: ['determinism'],
    suggestion: 'Check with contexts and weights that make a difference.',
    measure: checkVariation,
  },
  {
    check: 'batch invariance',
    needs: ['determinism'],
    suggestion:
      'Something mixes rows: look for statistics over axis 0 (batch normalisation, a mean over the batch) and contexts padded to the longest without a mask.',
    measure: checkBatchInvariance,
  },
  {
    check: 'padding invariance',
    needs: ['determinism'],
    suggestion:
      'Positions at or past completion.lengths[row] must not reach those before: mask them, and use nothing that depends on the padded width.',
    measure: checkPaddingInvariance,
  },
  {
    check: 'causality',
    needs: ['determinism'],
    suggestion:
      'Entry t may see the tokens before t only: check the causal mask, and that the inputs are shifted by one.',
    measure: checkCausality,
  },
  {
    check: 'startDecoding equals logits',
    needs: ['batch invariance', 'padding invariance', 'causality'],
    suggestion:
      'Check positions, the cache and the masking of padded contexts; row i of a session continues context floor(i / samplesPerContext).',
    measure: checkDecoding,
  },
  {
    check: 'decoding session',
    needs: ['determinism'],
    suggestion: 'Let dispose() be called twice and before next(), and keep all state in the session.',
    measure: checkSession,
  },
  {
    check: 'logProbs equals logits',
    needs: ['determinism'],
    suggestion:
      'Return log softmax(logits / temperature) at the completion’s tokens, or leave logProbs out: it is derived from logits.',
    measure: checkLogProbs,
  },
  {
    check: 'logProbs gradients',
    needs: ['variables', 'logProbs equals logits'],
    suggestion:
      'The values agree, so a gradient of its own (tf.customGrad) or a stopped gradient is at fault: mend it, or leave logProbs out.',
    measure: checkLogProbGradients,
  },
  {
    check: 'gradients',
    needs: ['variables', 'shapes'],
    suggestion:
      'Compute logits from policy.variables with differentiable operations only; a value read to the host or tf.customGrad cuts the gradient.',
    measure: (subject) => checkGradients(subject, reached),
  },
  {
    check: 'unlisted variables',
    needs: ['gradients'],
    measure: checkUnlisted,
  },
  {
    check: 'sampling',
    needs: ['startDecoding equals logits', 'logProbs equals logits', 'decoding session', 'end token'],
    suggestion:
      'The sampler draws from startDecoding and training scores with logits or logProbs: make them agree.',
    measure: checkSampling,
  },
  {
    check: 'unconditional',
    needs: ['determinism'],
    suggestion: 'Return a context of the same kind, without its condition, that logits can score.',
    measure: checkUnconditional,
  },
  {
    check: 'guidance',
    needs: ['sampling', 'unconditional'],
    suggestion:
      'Let startDecoding treat unconditional contexts as logits does: look for empty or padded conditions. Guided sampling gives both branches to one session: the contexts, then their unconditional twins.',
    measure: checkGuidance,
  },
  {
    check: 'no leaks',
    needs: ['shapes'],
    suggestion:
      'Wrap the work in tf.tidy and return only the result; let dispose() free the session’s cache.',
    measure: checkLeaks,
  },
];
