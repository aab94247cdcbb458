import { cp } from 'node:fs/promises';
import { defineConfig } from 'tsup';

const here = 'examples/emoji';
const out = 'dist/demo';

/** The demo in the package, for `npx bicot demo`: its code on the library's own entries, its base model and its pictures. */
export default defineConfig({
  entry: { demo: `${here}/demo.ts` },
  outDir: out,
  format: ['esm'],
  target: 'es2022',
  platform: 'node',
  dts: false,
  sourcemap: false,
  // dist/ is the library's, which was built before.
  clean: false,
  external: [/^bicot(\/|$)/],
  async onSuccess() {
    await cp(`${here}/base/model.safetensors`, `${out}/base/model.safetensors`);
    await cp(`${here}/base/codebook.safetensors`, `${out}/base/codebook.safetensors`);
    await cp(`${here}/base/sweep.json`, `${out}/base/sweep.json`);
    for (const file of ['atlas.json', 'atlas.png', 'NOTICE.md']) {
      await cp(`${here}/atlas/${file}`, `${out}/atlas/${file}`);
    }
  },
});
