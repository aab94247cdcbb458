import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** With these a page may share memory between threads; bicot's worker pool needs that. */
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  base: './',
  resolve: {
    // The library's sources, so that the page shows what is in the repository. A page of your own has `npm i bicot`.
    alias: [
      { find: /^bicot$/, replacement: at('../../src/index.ts') },
      { find: /^bicot\/browser$/, replacement: at('../../src/browser/index.ts') },
      { find: /^bicot\/models$/, replacement: at('../../src/models/index.ts') },
      { find: /^bicot\/rewards\/http$/, replacement: at('../../src/rewards/http/index.ts') },
      { find: /^bicot\/worker$/, replacement: at('../../src/worker/index.ts') },
    ],
  },
  worker: { format: 'es' },
  build: { target: 'es2022', chunkSizeWarningLimit: 3000 },
  server: { headers: ISOLATED, fs: { allow: [at('../..')] } },
  preview: { headers: ISOLATED },
  optimizeDeps: {
    include: [
      '@tensorflow/tfjs',
      '@tensorflow/tfjs-backend-wasm',
      '@tensorflow/tfjs-backend-webgpu',
      'fast-png',
      'seedrandom/lib/alea.js',
      'valibot',
    ],
  },
});
