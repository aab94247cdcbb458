import { defineConfig } from 'vitest/config';
import { inFolder, mentions, onEngine } from '../on-engine.js';

/** Everything that runs on backends, on native TensorFlow alone. */
export default defineConfig(
  onEngine('tensorflow', 'test/packages/native/vitest-setup.ts', [
    'test/packages/native/*.test.mjs',
    ...[...inFolder('src'), ...inFolder('test')].filter(mentions('describeOnBackends')),
    // These run on one backend, whichever it is.
    'test/identity.test.ts',
    'test/llamagen-training.test.ts',
    'test/tiny-janus.test.ts',
  ]),
);
