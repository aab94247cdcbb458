/** LlamaGen: its published checkpoints, and the policy that draws classes or captions. */
export type { AdaptedMatrix, Adapter, AdapterSwitch } from '../backbone/matrix.js';
export type { CheckpointFolder, WritableFolder } from '../checkpoints/folder.js';
export type { LoadProgress } from '../checkpoints/load-progress.js';
export { memoryFolder } from '../checkpoints/memory-folder.js';
export { openFolder } from '../checkpoints/node-folder.js';
export type { SaveProgress } from '../checkpoints/save-progress.js';
export { type UrlFolderOptions, urlFolder } from '../checkpoints/url-folder.js';
export type { LoraAdapters } from '../lora/adapters.js';
export type { ModuleNames, ModulePattern } from '../lora/matching.js';
export type { LoraOptions, LoraSettings } from '../lora/options.js';
export { type PeftFileOptions, saveAdapters } from '../lora/peft-files.js';
export { adapterReference, withoutAdapters } from '../lora/reference.js';
export {
  LLAMAGEN_SIZES,
  type LlamaGenCondition,
  type LlamaGenConfig,
  type LlamaGenSize,
} from './config.js';
export type { LlamaGenCaption, LlamaGenClass, LlamaGenContext } from './contexts.js';
export type { LlamaGenFiles } from './files.js';
export type { LlamaGenSizeOptions } from './infer.js';
export { type LlamaGenModel, type LoadLlamaGenOptions, loadLlamaGen } from './load.js';
export type { LlamaGenPolicy } from './policy.js';
export { type SaveLlamaGenOptions, saveLlamaGen } from './save.js';
