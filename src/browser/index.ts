/** What a page needs around the library: its backends, a place for checkpoints. */
export type { WebGpuOptions } from '../backends/webgpu/start.js';
export type { BrowserBackendName, BrowserBackendOptions, SelectedBrowserBackend } from './backend.js';
export { selectBackend } from './backend.js';
export { indexedDbFolder } from './indexed-db-folder.js';
