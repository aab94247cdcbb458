import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type RewardEnsemble, rewardEnsemble, type Sample } from 'bicot';
import { httpReward } from 'bicot/rewards/http';
import { uniformStream } from '../../../src/tensor/noise.js';
import type { Result } from '../results.js';
import type { SizeName } from '../sizes.js';
import type { Bench } from './bench.js';

const GROUP = 8;
/** Of the pictures. */
const SIDE = 64;
/** Milliseconds that each of the four services takes for an image. */
const SPEEDS = [8, 5, 3, 1];
/** Share of the requests that fail. */
const FAULTS = 0.05;
const CALL = {
  batchSize: 16,
  concurrency: 4,
  retries: 5,
  timeout: 30_000,
  backoff: { first: 50, most: 1000 },
};

/** How long an ensemble of four services takes, some of whose answers are faults, and what it leaves in memory. */
export async function benchRewards(bench: Bench, size: SizeName): Promise<Result> {
  const images = size === 'tiny' ? 48 : 1000;
  const samples = pictures(images);
  const right = await startServices(0);
  const faulty = await startServices(FAULTS);
  const ensembles = {
    'the slowest service alone, no faults': ensembleOf(right.urls.slice(0, 1)),
    'all four, no faults': ensembleOf(right.urls),
    [`all four, ${100 * FAULTS} % of the answers faults`]: ensembleOf(faulty.urls),
  };
  const variants = Object.keys(ensembles).map((name) => ({ name, rounds: [] as number[] }));
  const kept: number[] = [];
  try {
    for (let round = 0; round < bench.rounds; round++) {
      for (const [i, ensemble] of Object.values(ensembles).entries()) {
        variants[i]?.rounds.push(await time(ensemble, samples));
      }
      kept.push(megabytesInUse());
    }
  } finally {
    right.stop();
    faulty.stop();
  }
  const memory = [
    { name: 'after the first round', rounds: kept.slice(0, 1) },
    { name: `after round ${kept.length}`, rounds: kept.slice(-1) },
  ];
  return {
    benchmark: 'rewards',
    size,
    comparisons: [
      { title: `${images} images, ${SPEEDS.join(', ')} ms each`, unit: 'ms', first: 'floor', variants },
      { title: 'Heap and buffers in use, after a collection', unit: 'MB', variants: memory },
    ],
    skipped: [],
  };
}

function pictures(count: number): Sample<string>[] {
  const random = uniformStream('pictures of the benchmark');
  return Array.from({ length: count }, (_, i) => ({
    prompt: `a picture of number ${Math.floor(i / GROUP)}`,
    ...{ group: Math.floor(i / GROUP), index: i % GROUP, tokens: {} },
    image: {
      ...{ width: SIDE, height: SIDE },
      data: Uint8Array.from({ length: 3 * SIDE * SIDE }, () => Math.floor(256 * random())),
    },
  }));
}

const ensembleOf = (urls: readonly string[]): RewardEnsemble<string> =>
  rewardEnsemble<string>(
    Object.fromEntries(
      urls.map((url, k) => [`service ${k + 1}`, { reward: httpReward<string>({ url }), call: CALL }]),
    ),
  );

async function time(ensemble: RewardEnsemble<string>, samples: readonly Sample<string>[]): Promise<number> {
  const start = performance.now();
  const { total, dropped } = await ensemble.evaluate(samples);
  const milliseconds = performance.now() - start;
  if (dropped.length > 0 || total.some((value) => value !== 0.5 * ensemble.members.length)) {
    throw new Error(`${dropped.length} samples without a score: ${dropped[0]?.reason}`);
  }
  return Number(milliseconds.toPrecision(5));
}

function megabytesInUse(): number {
  setFlagsFromString('--expose_gc');
  runInNewContext('gc')();
  const { heapUsed, external } = process.memoryUsage();
  return Number(((heapUsed + external) / 1e6).toFixed(1));
}

async function startServices(share: number): Promise<{ urls: string[]; stop: () => void }> {
  const host = fileURLToPath(new URL('../hosts/reward-services.ts', import.meta.url));
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), host, String(share), ...SPEEDS.map(String)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const urls = await new Promise<string[]>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error('The reward services ended early.')));
    child.stdout?.once('data', (line: Buffer) => resolve(JSON.parse(line.toString('utf8')) as string[]));
  });
  return { urls, stop: () => void child.kill() };
}
