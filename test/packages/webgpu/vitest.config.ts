import { defineConfig } from 'vitest/config';
import { inFolder, mentions, onEngine } from '../on-engine.js';

/** The numeric suites, on WebGPU alone. */
export default defineConfig(
  onEngine('webgpu', 'test/packages/webgpu/vitest-setup.mjs', [
    'test/packages/webgpu/*.test.mjs',
    ...[...inFolder('src/kernels'), ...inFolder('src/objective')].filter(
      mentions('describeOnBackends', 'describeFused'),
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
  ]),
);
