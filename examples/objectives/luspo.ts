/** An objective of one's own without any new loss: LUSPO is GSPO with another normaliser. */
import { gspo, type Objective, type ObjectiveOptions } from 'bicot';

/**
 * LUSPO (arXiv 2602.05261; TRL's `luspo`): GSPO gives every token of a sample the weight 1 / length, so that long
 * samples are pulled less per token; LUSPO multiplies a sample's loss by its length:
 *
 *     loss = mean_i ( l_i·|o_i| ) = Σ_it l_i / N
 *
 * Padding adds nothing here. TRL up to f2cd577 averages padding in as soon as there is a KL penalty, since its `.mean()`
 * is taken over a padded matrix then; bicot does not copy that.
 */
export function luspo(options: ObjectiveOptions = {}): Objective {
  return gspo({ name: 'luspo', normalizer: 'sequence-sum', ...options });
}
