/**
 * Writes what PEFT and transformers are to read: adapters to `test/fixtures/janus/by-bicot/{original,hf}`, and, with
 * `--merged DIR`, the whole checkpoint in Hugging Face's layout with them merged in, to DIR.
 *
 *     npx tsx test/reference/write-janus.ts [--merged DIR]
 */
import { parseArgs } from 'node:util';
import { openFolder, saveAdapters, saveJanus } from 'bicot/models/janus';
import { selectBackend } from 'bicot/node';
import { byBicot, janusWithAdapters, LAYOUTS } from './janus-by-bicot.js';

const { values } = parseArgs({ options: { merged: { type: 'string' } } });
await selectBackend('cpu');
for (const layout of LAYOUTS) {
  const model = await janusWithAdapters(layout);
  if (model.adapters) await saveAdapters(openFolder(byBicot(layout)), model.adapters);
  if (layout === 'hf' && values.merged) await saveJanus(model, values.merged, { dtype: 'F32' });
  model.dispose();
}
