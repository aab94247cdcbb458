import { defineConfig } from 'tsup';

/** A file's own URL in CommonJS; a browser's bundler may have neither name. */
const CJS_URL =
  "const bicotFileUrl = typeof __filename === 'string' ? require('url').pathToFileURL(__filename).href : '';";

/** The entry points, by the names of their files. */
const library = {
  index: 'src/index.ts',
  browser: 'src/browser/index.ts',
  distributed: 'src/distributed/index.ts',
  models: 'src/models/index.ts',
  'models/janus': 'src/models/janus/index.ts',
  'models/llamagen': 'src/models/llamagen/index.ts',
  'rewards/transformers': 'src/rewards/transformers/index.ts',
  node: 'src/node/index.ts',
  'rewards/http': 'src/rewards/http/index.ts',
  worker: 'src/worker/index.ts',
  'node-worker': 'src/node/worker-entry.ts',
};

// Dependencies and peers stay external (tsup's default): a bundled second copy of TensorFlow.js would not
// share its tensors. `splitting` makes the entries of one format share their code, the command `cli` among them: it
// loads modules of users that import bicot too.
export default defineConfig({
  entry: { ...library, cli: 'src/node/cli/bin.ts' },
  format: ['esm', 'cjs'],
  dts: { entry: library },
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
