/** What runs in each of bicot's own workers, where the page may share memory: see docs/parallel.md. */
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { serveWebWorker } from 'bicot/worker';
import { WASM_PATHS } from './wasm-paths.js';

setWasmPaths(WASM_PATHS);
tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
serveWebWorker();
