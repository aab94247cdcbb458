import { BicotError } from '../../errors.js';
import { faultsInWords } from '../checkpoints/compare-tensors.js';
import type { TensorSource } from '../checkpoints/source.js';
import type { JanusConfig, JanusLayout } from './config.js';
import { isUnused, type JanusTensor, janusTensors, layoutName, layoutOf } from './names.js';

/** A tensor to load. */
export interface PlannedTensor extends JanusTensor {
  /** What the checkpoint calls it. */
  readonly stored: string;
}

/** What is to be loaded of a checkpoint, before anything is. */
export interface JanusPlan {
  readonly layout: JanusLayout;
  readonly tensors: readonly PlannedTensor[];
  /** Names in the checkpoint that are known and not needed: the understanding of images, the image encoder. */
  readonly unused: readonly string[];
  /** Whether the text head is the text embedding, because the checkpoint has no head of its own. */
  readonly tiedHead: boolean;
}

const HEAD = 'language_model.lm_head.weight';
const TABLE = 'language_model.model.embed_tokens.weight';

/**
 * Compares what the model needs with what a checkpoint has; reads no weights.
 * @param allowLeftOver whether tensors that nobody knows are let pass
 * @throws BicotError `checkpoint` naming all that is missing, left over, of another shape or number format
 */
export function planJanus(config: JanusConfig, source: TensorSource, allowLeftOver = false): JanusPlan {
  const { tensors: found, path } = source;
  const layout = layoutOf(found.keys());
  if (!layout) {
    throw new BicotError(
      'checkpoint',
      `${path}: no tensor is named as in Janus (language_model.model.… or model.language_model.…); the first are ${[...found.keys()].slice(0, 3).join(', ')}. Give the folder of a Janus-Pro checkpoint.`,
    );
  }
  const tiedHead = !found.has(layoutName(HEAD, layout));
  const wanted = janusTensors(config).map((tensor): PlannedTensor => {
    const name = tiedHead && tensor.name === HEAD ? TABLE : tensor.name;
    return { ...tensor, stored: layoutName(name, layout) };
  });
  const known = new Set(wanted.map(({ stored }) => stored));
  const beside = [...found.keys()].filter((name) => !known.has(name));
  const leftOver = allowLeftOver ? [] : beside.filter((name) => !isUnused(name));
  const faults = faultsInWords(source, wanted, leftOver);
  if (faults !== '') {
    throw new BicotError(
      'checkpoint',
      `${path} does not fit its config.json.${faults} Check that weights and config.json are of the same model.`,
    );
  }
  return { layout, tensors: wanted, unused: beside.filter(isUnused), tiedHead };
}
