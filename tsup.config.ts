import { defineConfig } from 'tsup';

/** A file's own URL in CommonJS; a browser's bundler may have neither name. */
const CJS_URL =
  "const bicotFileUrl = typeof __filename === 'string' ? require('url').pathToFileURL(__filename).href : '';";

/** The entry points, by the names of their files. */
export const library = {
  index: 'src/index.ts',
  browser: 'src/browser/index.ts',
  demo: 'examples/emoji/index.ts',
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

/** The command. */
export const cli = 'src/node/cli/bin.ts';

// Dependencies and peers stay external (tsup's default): a bundled second copy of TensorFlow.js would not
// share its tensors. The modules for `import` are built by build-esm.mjs.
export default defineConfig([
  {
    entry: library,
    format: ['cjs'],
    // The entries share their code.
    splitting: true,
    sourcemap: true,
    target: 'es2022',
    tsconfig: 'tsconfig.json',
    // CommonJS has no import.meta.url, beside which a pool's workers find their code.
    banner: { js: CJS_URL },
    esbuildOptions(options) {
      options.define = { ...options.define, 'import.meta.url': 'bicotFileUrl' };
    },
  },
  { entry: library, format: ['esm', 'cjs'], dts: { only: true }, tsconfig: 'tsconfig.json' },
]);
