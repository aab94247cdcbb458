import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { type JanusModel, loadJanus } from 'bicot/models/janus';

/** The model folders that bicot's adapters are put on. */
export const LAYOUTS = ['original', 'hf'] as const;

const fixtures = new URL('../fixtures/janus/', import.meta.url);

/** Where an adapter that bicot wrote lies; what PEFT and transformers make of it is in `logprobs.json` beside. */
export const byBicot = (path: string): string => fileURLToPath(new URL(`by-bicot/${path}`, fixtures));

/** The tiny Janus with adapters of bicot's own, whose B follows from a formula, since a new one is zeros. */
export async function janusWithAdapters(layout: (typeof LAYOUTS)[number]): Promise<JanusModel> {
  const model = await loadJanus(fileURLToPath(new URL(layout, fixtures)), {
    lora: { rank: 4, alpha: 8, targets: ['q_proj', 'v_proj', 'down_proj'], seed: 3 },
  });
  Object.entries(model.variables)
    .filter(([name]) => name.endsWith('lora_B'))
    .forEach(([, variable], k) => {
      const values = Float32Array.from({ length: variable.size }, (_, i) => 0.2 * Math.sin(1.7 * i + k));
      const value = tf.tensor(values, variable.shape);
      variable.assign(value);
      value.dispose();
    });
  return model;
}
