/** The commands that train, go on, measure and draw, in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../src/image/png.js';
import { type FaultServer, startFaultServer } from './support/fault-server.js';
import { runRecords } from './support/run-records.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bicot-cli-'));
const bin = join(root, 'src/node/cli/bin.ts');

/** jiti asks the loader of the process first; by itself it would load a second copy of the sources. */
const NATIVE = { JITI_TRY_NATIVE: 'true' };

interface Finished {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `bicot` in the work folder. @param during is told what it prints, while it runs */
function bicot(
  args: readonly string[],
  during: (child: ChildProcess, out: string) => void = () => {},
  env: Readonly<Record<string, string>> = {},
) {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), bin, ...args], {
    cwd: work,
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), NO_COLOR: '1', ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
    during(child, out);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk;
  });
  return new Promise<Finished>((resolve) => child.on('close', (status) => resolve({ status, out, err })));
}

const metrics = (run: string): string[] => runRecords(join(work, run));

describe('bicot', { timeout: 120_000 }, () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await startFaultServer([]); // always right
    mkdirSync(work, { recursive: true });
    const rows = ['a red cube', 'two blue birds', 'a dog'].map((prompt) =>
      JSON.stringify({ prompt, task_type: 'object', nouns: ['thing'] }),
    );
    writeFileSync(join(work, 'prompts.jsonl'), rows.join('\n'));
    const config = {
      model: {
        type: 'janus',
        folder: join(root, 'test/fixtures/janus/original'),
        ...{ lora: { rank: 2 }, system: '', instruction: 'Plan {}.', planTokens: 4, guidance: 2 },
      },
      prompts: 'prompts.jsonl',
      rewards: { remote: { type: 'http', url: server.url } },
      ...{ steps: 6, learningRate: { peak: 0.01 }, groupSize: 2, promptsPerStep: 1, backend: 'wasm' },
      ...{ checkpoints: { every: 2, best: 'remote' }, ema: { decay: 0.5 }, track: { prompts: 1, every: 3 } },
    };
    writeFileSync(join(work, 'tiny.json'), JSON.stringify(config));
  });
  afterAll(async () => {
    await server.close();
    rmSync(work, { recursive: true, force: true });
  });

  it('trains in plain lines, and leaves a folder with a report', async () => {
    const { status, out, err } = await bicot(['train', 'tiny.json', '--out', 'whole']);
    expect(err).toBe('');
    expect(status).toBe(0);
    expect(out).toMatch(/step 6\/6 █+ reward 0\.\d+/);
    expect(out).toMatch(/6 steps are made · \S+report\.html/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
    expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
    expect(metrics('whole')).toHaveLength(6);
    expect(readdirSync(join(work, 'whole'))).toEqual(
      expect.arrayContaining(['checkpoints', 'config.json', 'metrics.jsonl', 'pictures', 'report.html']),
    );
  });

  it('is stopped by Ctrl-C, says how to go on, and goes on to the same end', async () => {
    let sent = false;
    const stopped = await bicot(['train', 'tiny.json', '--out', 'part'], (child, out) => {
      if (!sent && out.includes('step 3/6')) sent = child.kill('SIGINT');
    });
    expect(stopped.status).toBe(130);
    expect(stopped.out).toMatch(/Stopped and saved\. To go on: npx bicot resume \S+part/);
    expect(metrics('part').length).toBeLessThan(6);
    const resumed = await bicot(['resume', 'part', '--json']);
    expect(resumed).toMatchObject({ status: 0, err: '' });
    const events = resumed.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ event: 'done', steps: 6 });
    expect(events[0]).toMatchObject({ event: 'step' });
    expect(metrics('part')).toEqual(metrics('whole'));
  });

  it('goes on when nobody reads any more', async () => {
    const unread = await bicot(['train', 'tiny.json', '--out', 'unread'], (child) => child.stdout?.destroy());
    expect(unread).toMatchObject({ status: 0, err: '' });
    expect(metrics('unread')).toEqual(metrics('whole'));
  });

  it('draws a prompt with a run, and measures it beside its base', async () => {
    const sampled = await bicot([
      'sample',
      'whole',
      'A red cube!',
      '--n',
      '3',
      '--json',
      '--checkpoint',
      'best',
    ]);
    expect(sampled.err).toBe('');
    const { picture, samples, step } = JSON.parse(sampled.out);
    expect(samples).toHaveLength(3);
    expect(samples[0].score).toBeGreaterThan(0);
    expect(picture).toBe(join('whole', 'samples', `a-red-cube-step-${step}-seed-0.png`));
    expect(decodePng(readFileSync(join(work, picture))).width).toBeGreaterThan(16);
    const measured = await bicot([
      ...['eval', 'whole', '--samples', '2', '--against', 'base', '--json', 'numbers.json'],
    ]);
    expect(measured).toMatchObject({ status: 0, err: '' });
    expect(measured.out).toMatch(/\| total +\| all/);
    const {
      summary,
      comparison,
      picture: pairs,
    } = JSON.parse(readFileSync(join(work, 'numbers.json'), 'utf8'));
    expect(summary.rows[0]).toMatchObject({ measure: 'total', samples: 6, prompts: 3 });
    expect(comparison.rows[0]).toMatchObject({ measure: 'total' });
    expect(pairs).toBe(join('whole', 'evaluations', 'step-6-seed-0.png'));
    expect(decodePng(readFileSync(join(work, pairs))).width).toBeGreaterThan(16);
  });

  it('refuses in words, with the status of a misunderstanding or of an error', async () => {
    const wrong = await bicot(['train', 'tiny.json', '--set', 'groupsize=4', '--out', 'x']);
    expect(wrong).toMatchObject({ status: 1, out: '' });
    expect(wrong.err).toMatch(/there is no field groupsize; did you mean groupSize/);
    const again = await bicot(['train', 'tiny.json', '--out', 'whole']);
    expect(again.status).toBe(1);
    expect(again.err).toMatch(/whole\/checkpoints holds a run that has come to step 6/);
    expect(metrics('whole')).toHaveLength(6);
    const none = await bicot(['resume', 'nowhere']);
    expect(none.err).toMatch(/nowhere is no folder of a run/);
    expect(await bicot(['eval'])).toMatchObject({ status: 2 });
    const nobody = await bicot(['train', 'tiny.json', '--out', 'best', '--set', 'checkpoints.best=judge']);
    expect(nobody).toMatchObject({ status: 1 });
    expect(nobody.err).toMatch(/checkpoints\.best is "judge".*expected one of remote/);
  });

  it('needs the folder of a run alone, of a configuration in JSON', async () => {
    rmSync(join(work, 'tiny.json'));
    renameSync(join(work, 'whole'), join(work, 'moved'));
    const sampled = await bicot(['sample', 'moved', 'x']);
    expect(sampled).toMatchObject({ status: 0, err: '' });
    expect(sampled.out).toContain(join('moved', 'samples', 'x-step-6-seed-0.png'));
    const file = join(work, 'moved', 'config.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"groupSize": 2', '"groupSize": 1'));
    expect((await bicot(['resume', 'moved'])).err).toMatch(/config\.json: groupSize is 1; expected/);
  });

  it('trains as a module says, and refuses to go on once it says something else', async () => {
    // As a package's: the module and its imports are loaded by the loader that the command itself was loaded by.
    const module = join(work, 'run.config.mts');
    const source = readFileSync(join(root, 'test/packages/consumer/project/run.config.ts'), 'utf8');
    writeFileSync(module, source);
    const trained = await bicot(['train', 'run.config.mts', '--set', 'steps=3'], undefined, NATIVE);
    expect(trained).toMatchObject({ status: 0, err: '' });
    expect(trained.out).toMatch(/step 3\/3/);
    const again = await bicot(['resume', 'runs/run'], undefined, NATIVE);
    expect(again).toMatchObject({ status: 0, err: '' });
    writeFileSync(module, `${source}\nthrow new Error('It was run.');`);
    const changed = await bicot(['sample', 'runs/run', 'a dog'], undefined, NATIVE);
    expect(changed).toMatchObject({ status: 1, out: '' });
    expect(changed.err).toMatch(/run\.config\.mts has changed since runs\/run was begun.*--allow-changes/);
    writeFileSync(module, `${source}\n`);
    const allowed = await bicot(['sample', 'runs/run', 'a dog', '--allow-changes'], undefined, NATIVE);
    expect(allowed).toMatchObject({ status: 0, err: '' });
  });
});
