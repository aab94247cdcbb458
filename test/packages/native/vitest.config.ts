import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import root from '../../../vitest.config.js';

const repository = new URL('../../../', import.meta.url);
const inFolder = (folder: string) =>
  readdirSync(new URL(folder, repository), { recursive: true, encoding: 'utf8' }).map(
    (name) => `${folder}/${name}`,
  );
const runsOnBackends = (file: string) =>
  file.endsWith('.test.ts') && readFileSync(new URL(file, repository), 'utf8').includes('describeOnBackends');

/** Everything that runs on backends, on native TensorFlow alone. */
export default defineConfig({
  ...root,
  root: fileURLToPath(repository),
  test: {
    ...root.test,
    include: [
      'test/packages/native/*.test.mjs',
      ...[...inFolder('src'), ...inFolder('test')].filter(runsOnBackends),
      // These run on one backend, whichever it is.
      'test/identity.test.ts',
      'test/llamagen-training.test.ts',
      'test/tiny-janus.test.ts',
    ],
    exclude: ['**/node_modules/**'],
    setupFiles: ['test/packages/native/vitest-setup.ts', 'test/support/setup.ts'],
    sequence: { setupFiles: 'list' }, // the backend first
    env: { BICOT_TEST_BACKENDS: 'tensorflow' },
    testTimeout: 120_000,
  },
});
