/**
 * Trainings over a queue while everything fails: schedules of faults by fast-check, each against an undisturbed run of one
 * process.
 *
 *     npx tsx test/packages/distributed/faults.ts --runs 50 --seed 1 --out test/packages/distributed/results/faults.json
 *
 * One line for each schedule, `ok` or `not ok`. A run is right if it ends with the records and the weights of the undisturbed
 * one, each step counted once, and leaves no keys; or if it stops with a message that names the cause.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { badNetwork } from '../../support/bad-network.js';
import { type FleetWorker, startWorker } from '../../support/fleet.js';
import type { CoordinatorOptions } from '../../support/fleet-coordinator.js';
import { NO_REDIS, type RedisServer, startRedis } from '../../support/redis-server.js';
import { runRecords } from '../../support/run-records.js';
import { bundled } from '../../support/worker-entry.js';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
    loud: { type: 'boolean', default: false },
  },
});
if (NO_REDIS) {
  console.log(`skip faults: ${NO_REDIS}`);
  process.exit(0);
}
const STEPS = 5;
const WORKERS = 2;
/** Seconds after which a run that has not ended counts as hanging. */
const PATIENCE = 300;

type Fault = { readonly after: number } & (
  | { readonly kind: 'kill worker' | 'duplicate'; readonly which: number }
  | { readonly kind: 'pause worker'; readonly which: number; readonly ms: number }
  | { readonly kind: 'restart Redis' | 'slow network' | 'cut network'; readonly ms: number }
  | { readonly kind: 'kill coordinator' }
  | { readonly kind: 'corrupt'; readonly what: 'payload' | 'result' | 'chunk'; readonly which: number }
);

const which = fc.nat({ max: 7 });
const after = fc.integer({ min: 0, max: 3000 });
const ms = fc.integer({ min: 100, max: 4000 });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ after, kind: fc.constant('kill worker' as const), which }),
  fc.record({ after, kind: fc.constant('pause worker' as const), which, ms }),
  fc.record({ after, kind: fc.constant('restart Redis' as const), ms }),
  fc.record({ after, kind: fc.constant('kill coordinator' as const) }),
  fc.record({ after, kind: fc.constant('slow network' as const), ms }),
  fc.record({ after, kind: fc.constant('cut network' as const), ms }),
  fc.record({ after, kind: fc.constant('duplicate' as const), which }),
  fc.record({
    ...{ after, kind: fc.constant('corrupt' as const), which },
    what: fc.constantFrom('payload' as const, 'result' as const, 'chunk' as const),
  }),
);
const schedule = fc.array(fault, { minLength: 1, maxLength: 4 });

const work = mkdtempSync(join(tmpdir(), 'bicot-faults-'));
const entry = fileURLToPath(await bundled(new URL('../../support/fleet-coordinator.ts', import.meta.url)));
const sleep = (time: number): Promise<void> => new Promise((done) => setTimeout(done, time));

interface Coordinator {
  readonly ended: Promise<number | null>;
  said(): string;
  kill(): void;
}

function coordinate(options: CoordinatorOptions): Coordinator {
  const child = spawn(process.execPath, [entry, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk;
      if (flags.loud) process.stdout.write(chunk);
    });
  }
  return {
    ended: new Promise((done) => child.once('exit', (code) => done(code))),
    said: () => text,
    kill: () => child.kill('SIGKILL'),
  };
}

/** Records without times, and weights. */
function outcomeIn(folder: string): string {
  return [...runRecords(folder), readFileSync(join(folder, 'weights.sha256'), 'utf8')].join('\n');
}

/** Some key of a kind, if there is one. */
async function someKey(redis: RedisServer, pattern: string, index: number): Promise<string | undefined> {
  const keys = (await redis.client.keys(pattern)).sort();
  return keys[index % Math.max(1, keys.length)];
}

interface Result {
  readonly faults: readonly Fault[];
  readonly outcome: 'same' | 'stopped' | 'wrong';
  readonly words?: string;
  readonly seconds: number;
  readonly happened: Readonly<Record<string, number>>;
}

async function disturbed(name: string, faults: readonly Fault[], wanted: string): Promise<Result> {
  const start = performance.now();
  const folder = join(work, name);
  mkdirSync(folder);
  const redis = await startRedis();
  const network = await badNetwork(redis.port);
  const url = `redis://127.0.0.1:${network.port}`;
  const options: CoordinatorOptions = {
    folder,
    steps: STEPS,
    url,
    queue: name,
    stalledAfter: 3,
    waitForWorkers: 60,
  };
  const workers: FleetWorker[] = [];
  const happened: Record<string, number> = {};
  const count = (what: string): void => {
    happened[what] = (happened[what] ?? 0) + 1;
  };
  let isOver = false;
  /** As systemd would: what ends is started again. */
  const keepWorker = async (seat: number): Promise<void> => {
    while (!isOver) {
      const worker = await startWorker({ url, queue: name });
      workers[seat] = worker;
      const status = await worker.ended;
      if (!isOver && status === 1) count('worker ended by itself');
      await sleep(200);
    }
  };
  const seats = Array.from({ length: WORKERS }, (_, seat) => keepWorker(seat));
  let coordinator = coordinate(options);
  const begun = async (): Promise<void> => {
    while (!isOver && !/made|ended/.test(coordinator.said())) await sleep(50);
  };
  const disturb = async (): Promise<void> => {
    await begun();
    for (const one of faults) {
      await sleep(one.after);
      if (isOver) return;
      await apply(one);
    }
  };
  const apply = async (one: Fault): Promise<void> => {
    switch (one.kind) {
      case 'kill worker':
        workers[one.which % WORKERS]?.kill();
        count(one.kind);
        return;
      case 'pause worker': {
        const worker = workers[one.which % WORKERS];
        worker?.kill('SIGSTOP');
        count(one.kind);
        void sleep(one.ms).then(() => worker?.kill('SIGCONT'));
        return;
      }
      case 'restart Redis':
        count(one.kind);
        return redis.restart(one.ms);
      case 'kill coordinator':
        coordinator.kill();
        count(one.kind);
        return;
      case 'slow network':
        network.slow(100);
        count(one.kind);
        void sleep(one.ms).then(() => network.slow(0));
        return;
      case 'cut network':
        network.cut();
        count(one.kind);
        void sleep(one.ms).then(() => network.mend());
        return;
      case 'duplicate': {
        const key = await someKey(redis, '*:active', one.which);
        const id = key && (await redis.client.lindex(key, 0));
        if (!key || !id) return;
        count(one.kind);
        await redis.client.rpush(key.replace(/active$/, 'wait'), id);
        await redis.client.zadd(key.replace(/active$/, 'marker'), 0, '0');
        return;
      }
      case 'corrupt': {
        // What is there for milliseconds only is waited for.
        for (let i = 0; i < 200 && !isOver; i++) {
          const key = await someKey(redis, `*:${one.what}:*`, one.which);
          if (key) {
            await redis.client.setrange(key, 20, 'XXXX');
            count(`${one.kind} ${one.what}`);
            return;
          }
          await sleep(5);
        }
      }
    }
  };
  const disturbing = disturb().catch((error: Error) => count(`no fault: ${error.message}`));
  let result: Pick<Result, 'outcome' | 'words'> | undefined;
  try {
    while (result === undefined) {
      const left = 1000 * PATIENCE - (performance.now() - start);
      const status = await Promise.race([
        coordinator.ended,
        sleep(Math.max(0, left)).then(() => 'hangs' as const),
      ]);
      if (status === null) {
        coordinator = coordinate(options);
        continue;
      }
      const said = coordinator.said();
      const words = said.match(/ended: (.*)/)?.[1];
      if (status === 0) {
        const same = outcomeIn(folder) === wanted;
        isOver = true;
        await sleep(100);
        const left = await redis.client.keys('*');
        const alien = left.filter((key) => !/:worker(s$|:)/.test(key));
        if (alien.length > 0) result = { outcome: 'wrong', words: `keys are left: ${alien.join(' ')}` };
        else result = same ? { outcome: 'same' } : { outcome: 'wrong', words: 'other records or weights' };
      } else if (status === 1 && words?.startsWith('distributed: ')) {
        result = { outcome: 'stopped', words };
      } else {
        result = {
          outcome: 'wrong',
          words: status === 'hangs' ? `hangs: ${said.slice(-2000)}` : said.slice(-2000),
        };
      }
    }
  } finally {
    isOver = true;
    coordinator.kill();
    for (const worker of workers) {
      worker?.kill('SIGCONT');
      worker?.kill();
    }
    if (result?.outcome === 'wrong')
      for (const worker of workers) console.log(`worker said: ${worker.said().slice(-1500)}`);
    await Promise.all([...seats, disturbing]);
    network.close();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    faults,
    ...(result as Pick<Result, 'outcome'>),
    seconds: Math.round((performance.now() - start) / 100) / 10,
    happened,
  };
}

const results: Result[] = [];
/** After every schedule: what was made is never lost. */
function write(): void {
  if (!flags.out) return;
  mkdirSync(dirname(flags.out), { recursive: true });
  const outcomes = results.reduce<Record<string, number>>((sum, { outcome }) => {
    sum[outcome] = (sum[outcome] ?? 0) + 1;
    return sum;
  }, {});
  const command = `npx tsx test/packages/distributed/faults.ts --runs ${flags.runs} --seed ${flags.seed} --out ${flags.out}`;
  const machine = `${cpus().length} cores, Node ${process.version}`;
  writeFileSync(
    flags.out,
    `{\n"command": ${JSON.stringify(command)},\n"machine": ${JSON.stringify(machine)},\n"outcomes": ${JSON.stringify(outcomes)},\n"runs": [\n${results.map((one) => JSON.stringify(one)).join(',\n')}\n]\n}\n`,
  );
}

let failed = 0;
try {
  const folder = join(work, 'alone');
  mkdirSync(folder);
  const alone = coordinate({ folder, steps: STEPS });
  await alone.ended;
  if (!existsSync(join(folder, 'weights.sha256'))) throw new Error(alone.said());
  const wanted = outcomeIn(folder);
  const schedules = fc.sample(schedule, { numRuns: Number(flags.runs), seed: Number(flags.seed) });
  for (const [i, faults] of schedules.entries()) {
    const result = await disturbed(`faults-${i}`, faults, wanted);
    results.push(result);
    write();
    if (result.outcome === 'wrong') failed++;
    const kinds = Object.entries(result.happened).map(([what, times]) => `${times} × ${what}`);
    console.log(
      `${result.outcome === 'wrong' ? 'not ok' : 'ok'} - ${i}: ${result.outcome} in ${result.seconds} s after ${kinds.join(', ') || 'nothing'}${result.words ? `: ${result.words}` : ''}`,
    );
    if (result.outcome === 'wrong') console.log(JSON.stringify(faults));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit(failed > 0 ? 1 : 0);
