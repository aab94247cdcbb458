import { BicotError } from '../../errors.js';
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
  const missing = wanted.filter(({ stored }) => !found.has(stored)).map(({ stored }) => stored);
  const leftOver = allowLeftOver ? [] : beside.filter((name) => !isUnused(name));
  const wrong = wanted.flatMap(({ stored, shape }) => {
    const own = found.get(stored);
    if (!own) return [];
    if (own.shape.join() !== shape.join()) {
      return [`${stored} is [${own.shape.join(', ')}] instead of [${shape.join(', ')}]`];
    }
    return READABLE.includes(own.dtype)
      ? []
      : [`${stored} is ${own.dtype} instead of ${READABLE.join(', ')}`];
  });
  if (missing.length + leftOver.length + wrong.length > 0) {
    throw new BicotError(
      'checkpoint',
      `${path} does not fit its config.json.${listed('Missing', missing)}${listed('Left over', leftOver)}${listed('Different', wrong)} Check that weights and config.json are of the same model.`,
    );
  }
  return { layout, tensors: wanted, unused: beside.filter(isUnused), tiedHead };
}

const READABLE: readonly string[] = ['F32', 'F16', 'BF16'];
/** More names than this tell nobody more. */
const SHOWN = 8;

function listed(label: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  return ` ${label}: ${names.slice(0, SHOWN).join(', ')}${more}.`;
}
