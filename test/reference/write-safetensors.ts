/**
 * Writes `test/fixtures/bicot.safetensors`, which `formats.py` reads with the official library:
 *
 *     npx tsx test/reference/write-safetensors.ts
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writtenByBicot } from './written-by-bicot.js';

writeFileSync(fileURLToPath(new URL('../fixtures/bicot.safetensors', import.meta.url)), writtenByBicot());
