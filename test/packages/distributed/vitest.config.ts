import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import root from '../../../vitest.config.js';

/** The tests of `bicot/distributed` with a real Redis and workers in processes of their own. */
export default defineConfig({
  ...root,
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  test: {
    ...root.test,
    include: ['test/packages/distributed/*.test.ts'],
    exclude: ['**/node_modules/**'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
