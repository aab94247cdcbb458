/** Models that ship with bicot, and the tokenizers and file format they use. */
export { fitPatchCodebook } from './fit-patch-codebook.js';
export {
  importPatchCodebook,
  type PatchCodebook,
  type PatchGrid,
  patchCodebook,
} from './patch-codebook.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  type Safetensors,
  type TensorDtype,
} from './safetensors.js';
export { type TransformerConfig, type TransformerOptions, transformerConfig } from './transformer/config.js';
export {
  createTransformer,
  type TransformerParts,
  type TransformerPolicy,
} from './transformer/transformer.js';
export { exportWeights, importWeights } from './weights.js';
export { type WordTokenizer, wordTokenizer } from './word-tokenizer.js';
