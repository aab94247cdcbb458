import { defineConfig } from 'tsup';

/** The file for a page without a bundler: everything in it, TensorFlow.js and its backends too, so that there is one copy. */
export default defineConfig({
  entry: { 'bicot.min': 'src/browser/page.ts' },
  format: ['esm'],
  platform: 'browser',
  target: 'es2022',
  dts: false,
  sourcemap: false,
  minify: true,
  // dist/ is the library's, which was built before.
  clean: false,
  splitting: false,
  noExternal: [/./],
  outExtension: () => ({ js: '.js' }),
});
