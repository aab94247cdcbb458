import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import root from '../../../vitest.config.js';

const repository = new URL('../../../', import.meta.url);
const inFolder = (folder: string) =>
  readdirSync(new URL(folder, repository)).map((name) => `${folder}/${name}`);
const runsOnBackends = (file: string) =>
  file.endsWith('.test.ts') &&
  readFileSync(new URL(file, repository), 'utf8').match(/describe(OnBackends|Fused)\b/) !== null;

/** The numeric suites, on WebGPU alone. */
export default defineConfig({
  ...root,
  root: fileURLToPath(repository),
  test: {
    ...root.test,
    include: [
      'test/packages/webgpu/*.test.mjs',
      ...[...inFolder('src/kernels'), ...inFolder('src/kernels/fused'), ...inFolder('src/objective')].filter(
        runsOnBackends,
      ),
      'src/kernels/webgpu/*.test.ts',
      'src/models/backbone/matrix-head.test.ts',
      'src/models/backbone/table.test.ts',
      'src/conformance/backend/check-backend.test.ts',
      'src/models/janus/step.test.ts',
      'src/models/vq/decode.test.ts',
      'src/policy/log-probs.test.ts',
      'src/tensor/checkpoint.test.ts',
      'src/train/gradients.test.ts',
      'src/train/optimizer.test.ts',
      'test/engines/demo-policy.test.ts',
      'test/engines/demo-steps.test.ts',
      'test/objective-reference.test.ts',
      'test/reference.test.ts',
      'test/transformer-policy.test.ts',
    ],
    exclude: ['**/node_modules/**'],
    setupFiles: ['test/packages/webgpu/vitest-setup.mjs', 'test/support/setup.ts'],
    sequence: { setupFiles: 'list' }, // the backend first
    env: { BICOT_TEST_BACKENDS: 'webgpu' },
    testTimeout: 120_000,
  },
});
