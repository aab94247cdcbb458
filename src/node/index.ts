/** What a Node program needs around the library: backends, files, pictures. */

export { decodePng, encodePng } from '../image/png.js';
export type { BackendName, SelectBackendOptions, SelectedBackend } from './backend.js';
export { selectBackend } from './backend.js';
export { appendJsonLine, readPromptFile, writeFileAtomic } from './files.js';
export type { GridCell, GridOptions, Rgb } from './image-grid.js';
export { imageGrid } from './image-grid.js';
export { fileRewardStore } from './reward-store.js';
export { INTERRUPTED, type StopOnSignals, stopOnSignals } from './stop-on-signals.js';
export { loadWeights, readSafetensors, saveWeights, writeSafetensors } from './weights.js';
