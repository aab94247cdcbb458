import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import root from '../../../vitest.config.js';

/** The numeric suites, on WebGPU alone. */
export default defineConfig({
  ...root,
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  test: {
    ...root.test,
    include: [
      'src/kernels/*.test.ts',
      'src/objective/*.test.ts',
      'src/policy/log-probs.test.ts',
      'src/train/optimizer.test.ts',
      'test/objective-reference.test.ts',
      'test/reference.test.ts',
    ],
    exclude: ['**/node_modules/**'],
    setupFiles: ['test/packages/webgpu/vitest-setup.mjs', 'test/support/setup.ts'],
    sequence: { setupFiles: 'list' },
    env: { BICOT_TEST_BACKENDS: 'webgpu' },
    testTimeout: 240_000,
    hookTimeout: 60_000,
  },
});
