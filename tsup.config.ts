import { defineConfig } from 'tsup';

// Dependencies and peers stay external (tsup's default): a bundled second copy of TensorFlow.js would not
// share its tensors. `splitting` makes the entries of one format share their code.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    models: 'src/models/index.ts',
    node: 'src/node/index.ts',
    worker: 'src/worker/index.ts',
    'node-worker': 'src/node/worker-entry.ts',
  },
  format: ['esm', 'cjs'],
  dts: true,
  splitting: true,
  sourcemap: true,
  clean: true,
  target: 'es2022',
  tsconfig: 'tsconfig.json',
});
