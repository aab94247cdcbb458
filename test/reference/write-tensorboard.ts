/**
 * Writes `test/fixtures/tensorboard/`, which `tensorboard_read.py` reads with TensorBoard:
 *
 *     npx tsx test/reference/write-tensorboard.ts
 */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tensorBoardByBicot } from './tensorboard-by-bicot.js';

const folder = fileURLToPath(new URL('../fixtures/tensorboard', import.meta.url));
rmSync(folder, { recursive: true, force: true });
await tensorBoardByBicot(folder);
