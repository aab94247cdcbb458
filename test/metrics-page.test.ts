/** docs/metrics.md says what a real run writes: every name and no other, and its code runs. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  abstain,
  biLevelRollout,
  failure,
  type Logger,
  rewardEnsemble,
  type StepMetrics,
  score,
  type TokenContext,
  t2iR1,
  train,
} from 'bicot';
import { metricsLogger, type PictureRecord, stepScalars } from 'bicot/node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { madeStep } from './support/made-steps.js';
import { drawContext, judge, lengthReward, planContext, policy, prompts } from './support/readme.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((found) => found[1] as string);
const work = mkdtempSync(join(tmpdir(), 'bicot-metrics-page-'));
// Within the project, so that what a block imports is found.
const folder = join(root, '.cache', `metrics-page-${process.pid}`);
beforeAll(() => mkdirSync(folder, { recursive: true }));
afterAll(() => {
  for (const made of [work, folder]) rmSync(made, { recursive: true, force: true });
});
afterEach(() => vi.restoreAllMocks());

async function moduleOf(text: string, name: string): Promise<Record<string, unknown>> {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, text);
  return import(file);
}

/** The metrics of a real step in which a reward scores, abstains and fails, and another is only watched. */
async function realMetrics(path: string): Promise<StepMetrics> {
  const rollout = biLevelRollout<string, TokenContext>({
    policy,
    semantic: { space: 'text', sampling: { maxTokens: 6 }, context: planContext },
    token: { space: 'image', sampling: {}, context: drawContext },
  });
  const reward = rewardEnsemble<string>({
    length: lengthReward,
    mixed: {
      reward: async (samples) =>
        samples.map((_, i) => [score(i % 5), abstain(), failure('down')][i % 3] ?? score(0)),
      required: false,
    },
    judge: { reward: judge, monitor: true },
  });
  const steps = train({
    ...{ policy, rollout, reward, prompts, steps: 1, groupSize: 6, learningRate: 1e-3, objective: t2iR1() },
    loggers: [metricsLogger(path)],
  });
  for await (const { metrics } of steps) return metrics;
  throw new Error('no step');
}

/** Paths of the leaves. */
function leaves(value: unknown, path: readonly string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  return Object.entries(value).flatMap(([key, below]) => leaves(below, [...path, key]));
}

/** Rows of a table whose first cell is code: all code of the first and the second cell. */
const rowsOf = (section: string): { name: string; tags: string[] }[] => {
  const [, text = ''] = page.split(`\n## ${section}\n`);
  return [...(text.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \| ([^|]*) \|/gm)].map(
    ([, name, second]) => ({
      name: name as string,
      tags: [...(second as string).matchAll(/`([^`]+)`/g)].map((found) => found[1] as string),
    }),
  );
};

describe('the table of metrics', () => {
  const unique = (names: readonly string[]): string[] => [...new Set(names)].sort();

  it('has every name of a real step, in the file and for TensorBoard, and no other', async () => {
    const path = join(work, 'metrics.jsonl');
    const metrics = await realMetrics(path);
    const rows = rowsOf('Metrics');

    const line = JSON.parse(readFileSync(path, 'utf8')) as StepMetrics;
    const names = leaves(line).map((name) =>
      name
        .replace(/^(reward\.(?:byMember|shares|monitors)|calls)\.[^.]+/, '$1.<reward>')
        .replace(/^levels\.[^.]+/, 'levels.<level>'),
    );
    const [watched, others] = [true, false].map((of) =>
      unique(names.filter((name) => name.startsWith('reward.monitors.') === of)),
    ) as [string[], string[]];
    const documented = rows.map(({ name }) => name);
    expect(others).toEqual(unique(documented.filter((name) => name !== 'reward.monitors.<reward>.…')));
    expect(documented).toHaveLength(new Set(documented).size);
    expect(documented).toContain('reward.byMember.<reward>.failureReason');
    // The row of the monitors says that they have the same numbers.
    expect(documented).toEqual(
      expect.arrayContaining(watched.map((name) => name.replace('monitors', 'byMember'))),
    );

    const members = [...Object.keys(line.reward.byMember), ...Object.keys(line.reward.monitors)];
    const tags = Object.keys(stepScalars(metrics)).map((tag) =>
      tag
        .split('/')
        .map((part, i) => (i === 1 && members.includes(part) ? '<reward>' : part))
        .join('/')
        .replace(/^levels\/[^/]+/, 'levels/<level>')
        .replace(/^monitor_members\/<reward>\/.*/, 'monitor_members/<reward>/…'),
    );
    expect(unique(tags)).toEqual(unique(rows.flatMap((row) => row.tags)));
  });

  it('has the fields of pictures', () => {
    const record: Required<PictureRecord> = {
      ...{ step: 0, kind: 'best', prompt: '', promptIndex: 0, group: 0, index: 0 },
      ...{ plan: '', image: '', total: 0, scores: {} },
    };
    expect(rowsOf('Pictures').map(({ name }) => name)).toEqual(Object.keys(record));
  });

  it('names findings that exist', () => {
    const source = readFileSync(join(root, 'src/train/findings.ts'), 'utf8');
    const [, table = ''] = page.split('\n## Metrics\n');
    const codes = [...(table.split('\n## ')[0] ?? '').matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(
      (found) => found[1],
    );
    expect(codes.length).toBeGreaterThan(8);
    for (const code of codes) expect(source).toContain(`'${code}'`);
  });
});

describe('the code', () => {
  it('trains and writes the files that the table names', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const [text = ''] = blocks;
    expect(text).toMatch(/'runs\/1'[\s\S]*steps: 1000/);
    const here = join(work, 'run');
    const standIns = `import { aestheticReward, drawContext, planContext, policy, prompts } from '${root}test/support/readme.js';\n`;
    const short = text.replace("'runs/1'", JSON.stringify(here)).replace('steps: 1000', 'steps: 2');
    await moduleOf(standIns + short, 'run');
    expect(log.mock.calls.map(([step]) => step)).toEqual([0, 1]);
    const [, table = ''] = page.split('\n| in `runs/1/` |');
    const named = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
      [...(cell as string).matchAll(/`([\w.]+)(?:…|\/)?`/g)].map((found) =>
        (found[1] as string).replace(/\.$/, ''),
      ),
    );
    const made = readdirSync(here).map((name) => name.replace(/^(events\.out\.tfevents)\..*/, '$1'));
    // Two steps have nothing to be found in.
    expect([...made, 'findings.jsonl'].sort()).toEqual(named.sort());
    expect(readdirSync(join(here, 'pictures')).length).toBeGreaterThan(4);
  });

  it('logs to Weights & Biases', async () => {
    const text = blocks.find((block) => block.includes('weightsAndBiases')) ?? '';
    const { weightsAndBiases } = (await moduleOf(text, 'wandb')) as {
      weightsAndBiases: (run: unknown) => Logger;
    };
    const log = vi.fn();
    const logger = weightsAndBiases({ log });
    for (const step of [1, 2]) await logger(madeStep(step));
    expect(log.mock.calls).toEqual([
      [stepScalars(madeStep(1).metrics), 1],
      [{ ...stepScalars(madeStep(2).metrics), findings: 'reward-failures: taste fails.' }, 2],
    ]);
  });

  it('logs to MLflow, and goes on when it is down', async () => {
    const text = blocks.find((block) => block.includes('mlflow =')) ?? '';
    const { mlflow } = (await moduleOf(text, 'mlflow')) as { mlflow: (server: string, id: string) => Logger };
    const bodies: { run_id: string; metrics: { key: string; value: number; step: number }[] }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(JSON.parse(body));
        response.writeHead(request.url === '/api/2.0/mlflow/runs/log-batch' && bodies.length < 2 ? 200 : 503);
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const logger = mlflow(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'id');
    await logger(madeStep(4));
    expect(warn).not.toHaveBeenCalled();
    await logger(madeStep(5));
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/step 5 is not logged \(503/)]]);
    server.closeAllConnections();
    server.close();
    const [first] = bodies;
    expect(first?.run_id).toBe('id');
    expect(Object.fromEntries((first?.metrics ?? []).map(({ key, value }) => [key, value]))).toEqual(
      stepScalars(madeStep(4).metrics),
    );
    expect(first?.metrics.every(({ step }) => step === 4)).toBe(true);
  });
});
