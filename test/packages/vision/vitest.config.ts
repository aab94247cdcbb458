import { fileURLToPath } from 'node:url';
import type { Alias } from 'vite';
import { defineConfig } from 'vitest/config';
import root from '../../../vitest.config.js';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The tests of rewards on ONNX models, with the package that is installed here and not at the root. */
export default defineConfig({
  ...root,
  root: at('../../..'),
  resolve: {
    alias: [
      ...((root.resolve?.alias ?? []) as Alias[]),
      {
        find: /^@huggingface\/transformers$/,
        replacement: at('node_modules/@huggingface/transformers/dist/transformers.node.mjs'),
      },
    ],
  },
  test: {
    ...root.test,
    include: ['test/packages/vision/*.test.ts'],
    exclude: ['**/node_modules/**'],
  },
});
