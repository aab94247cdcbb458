import { defineConfig } from 'tsup';

/** A file's own URL in CommonJS; a browser's bundler may have neither name. */
const CJS_URL =
  "const bicotFileUrl = typeof __filename === 'string' ? require('url').pathToFileURL(__filename).href : '';";

// Dependencies and peers stay external (tsup's default): a bundled second copy of TensorFlow.js would not
// share its tensors. `splitting` makes the entries of one format share their code.
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    browser: 'src/browser/index.ts',
    models: 'src/models/index.ts',
    'models/janus': 'src/models/janus/index.ts',
    'models/llamagen': 'src/models/llamagen/index.ts',
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
  // CommonJS has no import.meta.url, beside which a pool's workers find their code.
  banner: ({ format }) => (format === 'cjs' ? { js: CJS_URL } : undefined),
  esbuildOptions(options, { format }) {
    if (format === 'cjs') options.define = { ...options.define, 'import.meta.url': 'bicotFileUrl' };
  },
});
