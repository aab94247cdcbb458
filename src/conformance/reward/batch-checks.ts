import type { Check } from '../run-checks.js';
import {
  checkDeterminism,
  checkGroupMates,
  checkOrder,
  checkOtherGroups,
  checkResults,
  checkUnchanged,
} from './behaviour.js';
import { checkMissingParts } from './missing.js';
import type { RewardSubject } from './subject.js';

/** What is checked of a reward's calls, causes before consequences. */
export const batchChecks = <P>(): Check<RewardSubject<P>>[] => [
  {
    check: 'results',
    suggestion:
      'Return one result per sample, in their order: score(value) with a finite value, abstain() or failure(reason).',
    measure: checkResults,
  },
  {
    check: 'samples unchanged',
    needs: ['results'],
    suggestion: 'Work on a copy (data.slice()): the other members of an ensemble see the same samples.',
    measure: checkUnchanged,
  },
  {
    check: 'determinism',
    needs: ['results'],
    suggestion:
      'Fix the judge’s seed or set its temperature to 0 if you can; noise in a reward is noise in what is learnt.',
    measure: checkDeterminism,
  },
  {
    check: 'order',
    needs: ['results'],
    suggestion:
      'A score may not depend on a sample’s place in the batch: look for the array index, state kept between samples, and results in another order.',
    measure: checkOrder,
  },
  {
    check: 'other groups',
    needs: ['order'],
    suggestion:
      'A score may not depend on what else is in the batch: compute statistics within each group (sample.group), never over all samples.',
    measure: checkOtherGroups,
  },
  {
    check: 'group-mates',
    needs: ['other groups'],
    measure: checkGroupMates,
  },
  {
    check: 'missing parts',
    needs: ['results'],
    suggestion: 'Return failure("no image") or abstain() for what cannot be judged: failure is not zero.',
    measure: checkMissingParts,
  },
];
