import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^bicot$/, replacement: at('src/index.ts') },
      { find: /^bicot\/browser$/, replacement: at('src/browser/index.ts') },
      { find: /^bicot\/demo$/, replacement: at('examples/emoji/index.ts') },
      { find: /^bicot\/distributed$/, replacement: at('src/distributed/index.ts') },
      { find: /^bicot\/models$/, replacement: at('src/models/index.ts') },
      { find: /^bicot\/models\/janus$/, replacement: at('src/models/janus/index.ts') },
      { find: /^bicot\/models\/llamagen$/, replacement: at('src/models/llamagen/index.ts') },
      { find: /^bicot\/node$/, replacement: at('src/node/index.ts') },
      { find: /^bicot\/node-worker$/, replacement: at('src/node/worker-entry.ts') },
      { find: /^bicot\/rewards\/http$/, replacement: at('src/rewards/http/index.ts') },
      { find: /^bicot\/rewards\/transformers$/, replacement: at('src/rewards/transformers/index.ts') },
      { find: /^bicot\/worker$/, replacement: at('src/worker/index.ts') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/packages/**'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
