import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { metricsLogger } from '../../src/node/run/metrics-logger.js';
import { tensorBoardLoggerOf } from '../../src/node/tensorboard/tensorboard-logger.js';
import { madeStep } from '../support/made-steps.js';

/**
 * Writes `test/fixtures/tensorboard/`: a run that was killed while it wrote step 5, and that went on from step 3. The clock is
 * given.
 */
export async function tensorBoardByBicot(folder: string): Promise<void> {
  let now = Date.UTC(2026, 0, 1);
  for (const { from, to, pid } of [
    { from: 0, to: 6, pid: 4711 },
    { from: 3, to: 8, pid: 12 },
  ]) {
    const logger = tensorBoardLoggerOf<string>(
      folder,
      { histograms: 2, images: 3, config: { name: 'Grüße', steps: 8, sizes: [1, 2] } },
      { now: () => (now += 250), host: 'host', pid },
    );
    const metrics = metricsLogger(join(folder, 'metrics.jsonl'));
    for (let step = from; step < to; step++) {
      for (const log of [metrics, logger]) await log(madeStep(step));
    }
    if (pid === 4711) {
      const [file = ''] = (await readdir(folder)).filter((name) => name.startsWith('events.'));
      await cutOff(join(folder, file), 100);
    }
  }
}

async function cutOff(path: string, bytes: number): Promise<void> {
  const { size } = await stat(path);
  await truncate(path, size - bytes);
}
