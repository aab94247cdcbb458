/** Janus-Pro: its checkpoints, its prompts, and the policy that plans and draws. */
export type { AdaptedMatrix, Adapter, AdapterSwitch } from '../backbone/matrix.js';
export type { CheckpointFolder, WritableFolder } from '../checkpoints/folder.js';
export type { FloatDtype } from '../checkpoints/half-precision.js';
export type { LoadProgress } from '../checkpoints/load-progress.js';
export { memoryFolder } from '../checkpoints/memory-folder.js';
export { openFolder } from '../checkpoints/node-folder.js';
export type { SaveProgress } from '../checkpoints/save-progress.js';
export type { RowRange, StoredDtype, StoredTensor, TensorSource } from '../checkpoints/source.js';
export { type UrlFolderOptions, urlFolder } from '../checkpoints/url-folder.js';
export { estimateFlops, type StepFlops, type StepPlan } from '../estimate/flops.js';
export {
  assertFits,
  estimateMemory,
  formatMemory,
  type MemoryEstimate,
  type MemoryItem,
  type TrainingPlan,
} from '../estimate/memory.js';
export type { AdaptedMatrices, ModelSizes } from '../estimate/sizes.js';
export type { LoraAdapters } from '../lora/adapters.js';
export type { ModuleNames, ModulePattern } from '../lora/matching.js';
export type { LoraOptions, LoraSettings } from '../lora/options.js';
export { type PeftFileOptions, saveAdapters } from '../lora/peft-files.js';
export { adapterReference, withoutAdapters } from '../lora/reference.js';
export type { VqDecoderConfig } from '../vq/config.js';
export { type JanusConfig, type JanusLanguageConfig, type JanusLayout, parseJanusConfig } from './config.js';
export type { JanusMemory } from './fit.js';
export { type JanusModel, type LoadJanusOptions, loadJanus } from './load.js';
export type { JanusPolicy } from './policy.js';
export {
  JANUS_ROLES,
  type JanusPromptOptions,
  type JanusPrompts,
  type JanusRoles,
  janusPrompts,
  PLAN_INSTRUCTION,
  PLAN_SYSTEM,
} from './prompts.js';
export { type SaveJanusOptions, saveJanus } from './save.js';
export { arangeContexts, type JanusContext } from './sequences.js';
export { janusSizes } from './sizes.js';
export { type JanusTokenIds, type JanusTokenizer, janusTokenizer } from './tokenizer.js';
