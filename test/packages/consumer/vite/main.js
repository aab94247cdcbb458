import * as tf from '@tensorflow/tfjs';
import plain from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simd from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { currentKernels, oneLevelRollout, score, t2iR1, train } from 'bicot';
import { selectBackend } from 'bicot/browser';
import { createTransformer } from 'bicot/models';
import { trainHere } from './train-here.js';

await trainHere({
  tf,
  library: { createTransformer, currentKernels, oneLevelRollout, score, selectBackend, t2iR1, train },
  wasmPaths: {
    'tfjs-backend-wasm.wasm': plain,
    'tfjs-backend-wasm-simd.wasm': simd,
    'tfjs-backend-wasm-threaded-simd.wasm': simd,
  },
});
