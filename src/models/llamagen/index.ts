/** LlamaGen. */
export { type LlamaGenConfig, llamaGenConfig } from './config.js';
