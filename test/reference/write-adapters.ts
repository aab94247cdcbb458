/**
 * Writes `test/fixtures/peft/bicot`: adapters in PEFT's layout, and what bicot computes with them. `peft_layout.py --check`
 * reads them with PEFT.
 *
 *     npx tsx test/reference/write-adapters.ts
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { selectBackend } from 'bicot/node';
import { encodePeft } from '../../src/models/lora/peft-files.js';
import { adaptersByBicot } from './adapters-by-bicot.js';
import { matricesOf, moduleOutputs, type PeftFile } from './peft-cases.js';

const at = (name: string) => fileURLToPath(new URL(`../fixtures/peft/${name}`, import.meta.url));

await selectBackend('cpu');
const { peft } = JSON.parse(readFileSync(at('default/outputs.json'), 'utf8')) as PeftFile;
const matrices = matricesOf(at('model.safetensors'));
const adapters = adaptersByBicot(matrices);
mkdirSync(at('bicot'), { recursive: true });
for (const [name, bytes] of Object.entries(await encodePeft(adapters)))
  writeFileSync(at(`bicot/${name}`), bytes);
const outputs = await moduleOutputs(matrices, adapters, peft.inputs);
writeFileSync(at('bicot/bicot-outputs.json'), `${JSON.stringify(outputs)}\n`);
