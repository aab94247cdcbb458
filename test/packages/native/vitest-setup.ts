/** Starts native TensorFlow from the project that BICOT_NATIVE_PROJECT names, as a program of a user would. */
import { selectBackend } from '../../../src/node/backend.js';

await selectBackend('node', { projectFolder: process.env.BICOT_NATIVE_PROJECT });
