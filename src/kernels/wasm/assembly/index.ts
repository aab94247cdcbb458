// Kernels for WebAssembly with SIMD, compiled by AssemblyScript (`npm run build:kernels`), on the memory of
// TensorFlow.js's wasm backend: every buffer comes as a pointer, nothing is allocated and there is no static data, which
// would lie in the backend's. Sizes are in elements, strides in bytes; tensors are float32, ids int32.
export { adamw } from './adamw';
export { attention, attentionGrad, attentionGradScratch, attentionScratch } from './attention';
export { decodeAttention, decodeScratch, fillCache } from './decode-attention';
export { drawTokens } from './draw-tokens';
export { gatherRows, scatterAddRows } from './embedding';
export { gemm, gemmPacked, gemmPackedScratch, gemmScratch, packPanels, panelBytes } from './gemm';
export { rmsNorm, rmsNormGrad } from './rms-norm';
export { swiglu, swigluGrad } from './swiglu';
export { tokenLogProbs, tokenLogProbsGrad } from './token-log-probs';
