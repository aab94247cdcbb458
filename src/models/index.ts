/** Models that ship with bicot, and what they are made of: blocks, adapters, image tokenizers, checkpoints. */
export {
  type Backbone,
  type Block,
  type BlockKeyValues,
  type RunBlocksOptions,
  runBlocks,
} from './backbone/blocks.js';
export type { Head } from './backbone/decoder.js';
export {
  type BackboneDecoding,
  type DistinctContexts,
  distinctContexts,
  startBackboneDecoding,
} from './backbone/decoding.js';
export {
  type AdaptedMatrix,
  type Adapter,
  type AdapterSwitch,
  type Matrix,
  type MultiplyOptions,
  mergedWeight,
  multiply,
} from './backbone/matrix.js';
export type { CheckpointFolder, EditableFolder, WritableFolder } from './checkpoints/folder.js';
export { folderOf } from './checkpoints/folder-of.js';
export { encodeFloats, type FloatDtype } from './checkpoints/half-precision.js';
export { type LoadTensorOptions, loadTensor } from './checkpoints/load-tensor.js';
export { memoryFolder } from './checkpoints/memory-folder.js';
export { openFolder } from './checkpoints/node-folder.js';
export { openTensors } from './checkpoints/open-tensors.js';
export type { RowRange, StoredDtype, StoredTensor, TensorSource } from './checkpoints/source.js';
export { type UrlFolderOptions, urlFolder } from './checkpoints/url-folder.js';
export {
  type WriteCheckpointOptions,
  type WrittenTensor,
  writeCheckpoint,
} from './checkpoints/write-checkpoint.js';
export { estimateFlops, type StepFlops, type StepPlan } from './estimate/flops.js';
export {
  assertFits,
  estimateMemory,
  formatMemory,
  type MemoryEstimate,
  type MemoryItem,
  type TrainingPlan,
} from './estimate/memory.js';
export type { AdaptedMatrices, ModelSizes } from './estimate/sizes.js';
export { fitPatchCodebook } from './fit-patch-codebook.js';
export { createAdapters, type LoraAdapters, type MatricesByPath } from './lora/adapters.js';
export type { ModuleNames, ModulePattern } from './lora/matching.js';
export { mergeAdapters, mergedValues } from './lora/merge.js';
export { type LoraOptions, type LoraSettings, loraOptions } from './lora/options.js';
export {
  encodePeft,
  loadAdapters,
  type PeftFileOptions,
  type PeftFiles,
  saveAdapters,
} from './lora/peft-files.js';
export { adapterReference, withoutAdapters } from './lora/reference.js';
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
export { type VqDecoderConfig, vqDecoderConfig, vqImageSide } from './vq/config.js';
export { decodeVq } from './vq/decode.js';
export { type VqImageTokenizer, vqImageTokenizer } from './vq/image-tokenizer.js';
export { type TfjsValues, toTfjsLayout } from './vq/layout.js';
export { hfVqName, vqParameterShapes } from './vq/names.js';
export { disposeVqParameters, type VqParameters, vqParameters } from './vq/parameters.js';
export type {
  Affine,
  AttentionBlock,
  LevelParts,
  NamedShape,
  ResidualBlock,
  VqParts,
} from './vq/parts.js';
export { exportWeights, importWeights } from './weights.js';
export { type WordTokenizer, wordTokenizer } from './word-tokenizer.js';
