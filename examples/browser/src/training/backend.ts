import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import type { EngineName } from '../messages.js';

export async function selectBackend(
  name: EngineName | undefined,
  o: { wasmPaths?: Record<string, string>; allowSoftware?: boolean },
): Promise<{ name: EngineName; description: string }> {
  if (o.wasmPaths) setWasmPaths(o.wasmPaths);
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  for (const n of name ? [name] : (['webgpu', 'wasm', 'cpu'] as const)) {
    let description: string = n;
    if (n === 'webgpu') {
      const gpu = (
        navigator as unknown as {
          gpu?: {
            requestAdapter(): Promise<{
              info: {
                vendor: string;
                architecture: string;
                description: string;
                isFallbackAdapter?: boolean;
              };
            } | null>;
          };
        }
      ).gpu;
      const adapter = await gpu?.requestAdapter();
      if (!adapter) {
        if (name) throw new Error('no WebGPU');
        continue;
      }
      description = `WebGPU on ${adapter.info.vendor} ${adapter.info.architecture} ${adapter.info.description}`;
      if (/swiftshader|llvmpipe/i.test(description) && !o.allowSoftware) {
        if (name) throw new Error('software WebGPU');
        continue;
      }
    }
    if (await tf.setBackend(n)) {
      await tf.ready();
      return { name: n, description };
    }
  }
  throw new Error('no backend');
}
