/** The code in README.md and docs/ compiles, runs and does what the text around it says. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import * as bicot from 'bicot';
import * as http from 'bicot/rewards/http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startRewardServer } from '../examples/reward-server/server.js';
import { withTables } from './reference/memory-tables.js';
import { type Block, blocks, pages, read, root, run, typeErrors } from './support/doc-blocks.js';

const blockWith = (text: string, of?: string): Block => {
  const found = blocks.filter(({ page, ...block }) => block.text.includes(text) && (of ?? page) === page);
  expect(found, `blocks with ${text}`).toHaveLength(1);
  return found[0] as Block;
};

/** The places in a page that links can lead to, as code hosts name them. */
function headingsOf(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

describe('code in the documents', () => {
  it('compiles, and imports nothing that it does not use', () => {
    const wrong = `import { adamW, levelLoss } from 'bicot';\nlevelLoss('no tensors', 1);\nexport {};\n`;
    const errors = typeErrors([...blocks.map(({ module }) => module), wrong]);
    // The check can fail: an unused import and a wrong argument.
    expect(errors.pop()).toEqual([
      expect.stringMatching(/'adamW' is declared/),
      expect.stringMatching(/not assignable/),
    ]);
    blocks.forEach(({ page, text }, i) => {
      expect(errors[i], `${page}:\n${text}`).toEqual([]);
    });
  });

  it('links to files that exist, and to headings in them', () => {
    const links = pages.flatMap((page) =>
      [
        ...read(page)
          .replace(/^```[\s\S]*?^```$/gm, '')
          .matchAll(/\]\(([^)\s]+)\)/g),
      ].map((link) => ({
        page,
        target: link[1] as string,
      })),
    );
    const inside = links.filter(({ target }) => !target.includes('://'));
    const dead = inside.filter(({ page, target }) => {
      const [path = '', heading] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, file))) return true;
      return heading !== undefined && !headingsOf(file).includes(heading);
    });
    expect(dead.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
    expect(inside.filter(({ target }) => target.includes('#')).length).toBeGreaterThan(20);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([\w:]+)/g)].map((found) => found[1]),
    );
    expect(named.length).toBeGreaterThan(2);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
  });
});

describe('docs/objectives.md and others', () => {
  const pagesThatPrint = ['docs/objectives.md', 'docs/checkpoints.md', 'docs/rewards/README.md'];
  it.each(pagesThatPrint)('%s has code that prints what the comments beside it say', async (page) => {
    const own = blocks.filter((block) => block.page === page);
    expect(own.length).toBeGreaterThanOrEqual(1);
    let printed = 0;
    for (const { module, text } of own) {
      const expected = [...text.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(
        (found) => found[1] as string,
      );
      const log = vi.spyOn(console, 'log').mockImplementation(() => {});
      await run(module);
      const lines = log.mock.calls.map(([value]) => value as unknown);
      log.mockRestore();
      expect(lines).toHaveLength(expected.length);
      lines.forEach((value, i) => {
        const wanted = expected[i] as string;
        if (typeof value === 'number') expect(value).toBeCloseTo(Number(wanted), 4);
        else expect(String(value)).toBe(wanted);
        printed++;
      });
    }
    expect(printed).toBeGreaterThanOrEqual(1);
  });

  it('names every preset', () => {
    const [, table = ''] = read('docs/objectives.md').split('## Presets');
    for (const name of bicot.PRESET_NAMES) {
      expect(table).toContain(`| \`${name}\` |`);
      expect(bicot.presetObjective(name).name).toBe(name);
    }
  });
});

describe('docs/models', () => {
  it('has the tables that are computed now', () => {
    expect(read('docs/models/janus.md')).toBe(withTables(read('docs/models/janus.md')));
  });

  const own = blocks.filter(({ page }) => page.startsWith('docs/models/'));
  it.each(own)('has code that runs: $page', async ({ module }) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    // The tiny model's tokens are bytes, and its sequences too short for the real instruction.
    const short = `janusPrompts(policy.tokenizer, { system: '', instruction: 'Plan {}.' })`;
    await run(module.replace('janusPrompts(policy.tokenizer)', short));
    const lines = log.mock.calls.length;
    vi.restoreAllMocks();
    await tf.setBackend('wasm');
    expect(lines).toBeGreaterThan(0);
  });
});

describe('docs/rewards/http.md', () => {
  const own = blocks.filter(({ page }) => page === 'docs/rewards/http.md');
  const expected: readonly unknown[][] = [
    ['brightness', bicot.score(0.5)],
    [[bicot.abstain('there is no picture')]],
    [[bicot.failure(expect.stringMatching(/nowhere answered HTTP 404/))]],
  ];

  it.each(own.map(({ module }, i) => [i, module] as const))(
    'has code that runs: block %i',
    async (i, module) => {
      expect(own).toHaveLength(expected.length);
      expect(module).toContain("url: 'http://127.0.0.1:8000/");
      const { url, close } = await startRewardServer();
      const log = vi.spyOn(console, 'log').mockImplementation(() => {});
      await run(module.replace('http://127.0.0.1:8000/', url));
      const printed = log.mock.calls.map(([first]) => first as unknown);
      vi.restoreAllMocks();
      await close();
      expect(printed).toEqual(expected[i]);
    },
  );

  it('names every option', () => {
    const [, table = ''] = read('docs/rewards/http.md').match(/## Options\n([\s\S]*?)\n\n`fields`/) ?? [];
    const told = [...table.matchAll(/^\| `(\w+)` \|/gm)].map((found) => found[1] as string);
    const misspelt = { url: 'http://localhost', nothing: 1 } as http.HttpRewardOptions;
    let message = '';
    try {
      http.httpReward(misspelt);
    } catch (error) {
      message = (error as Error).message;
    }
    const [, options = ''] = message.match(/the options are ([^;.]*)[;.]/) ?? [];
    expect(told.length).toBeGreaterThan(5);
    expect(told.map((name) => `'${name}'`).sort()).toEqual(options.split(', ').sort());
  });
});

describe('the README', () => {
  it('names primitives that are exported', () => {
    const [sentence = ''] = read('README.md').match(/^`train` is a thin loop[^.]*\./m) ?? [];
    const names = [...sentence.matchAll(/`(\w+)`/g)].map((found) => found[1]);
    expect(names.length).toBeGreaterThan(5);
    expect(Object.keys(bicot)).toEqual(expect.arrayContaining(names));
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await tf.setBackend('wasm');
  });

  it('trains in its first block', async () => {
    const { module } = blockWith('await selectBackend(); // the best', 'README.md');
    expect(module).toContain('steps: 1000');
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await run(module.replace('steps: 1000', 'steps: 2'));
    const lines = log.mock.calls.filter(([step]) => typeof step === 'number');
    expect(lines.map(([step]) => step)).toEqual([0, 1]);
    const [, reward, kl] = lines[1] as number[];
    expect(reward).toBeGreaterThan(0);
    expect(kl).toBeGreaterThan(0);
  });

  it('brings a model in 30 lines that keeps the contract and trains', async () => {
    const { module, text } = blockWith('checkPolicy(', 'README.md');
    expect(text.trim().split('\n').length).toBeLessThanOrEqual(30);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const { policy } = (await run(module, ['policy'])) as { policy: bicot.Policy<{ label: number }> };
    const [[passed, checks]] = log.mock.calls as [[boolean, bicot.PolicyCheck[]]];
    expect(checks.filter((check) => !check.passed)).toEqual([]);
    expect(passed).toBe(true);

    const rollout = bicot.oneLevelRollout({
      policy,
      space: 'image',
      sampling: { maxTokens: 3 },
      context: (label: number) => ({ label }),
    });
    const steps = bicot.train({
      ...{ policy, rollout, prompts: [3, 7], steps: 2, learningRate: 1e-3, objective: bicot.t2iR1() },
      reward: async (samples) => samples.map(({ tokens }) => bicot.score(tokens.token?.[0] ?? 0)),
    });
    for await (const { metrics } of steps) {
      expect(metrics.gradNorm).toBeGreaterThan(0);
      expect(metrics.levels.token?.maxRatioDeviation).toBeLessThan(1e-4);
    }
  });
});

describe("the workers' page", () => {
  const folder = join(root, '.cache', `docs-${process.pid}`);
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  it('trains and evaluates in workers', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const { module } = blockWith('parallel: { workers: 2 }');
    expect(module).toContain('steps: 1000');
    await run(module.replace('steps: 1000', 'steps: 2'));
    await run(blockWith('parallel: pool').module);
    expect(log.mock.calls.map(([first]) => typeof first)).toEqual(['number', 'number', 'number']);
  });

  it('trains on one backend what workers sample on another', async () => {
    const { module } = blockWith(`tasks: ['sample']`);
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    expect(module).toMatch(/selectBackend\('node'\)[\s\S]*steps: 1000/);
    const short = module.replace('steps: 1000', 'steps: 2');
    await run(short.replace(`selectBackend('node')`, `selectBackend('cpu')`));
    expect(tf.getBackend()).toBe('cpu');
    await tf.setBackend('wasm');
    const deviations = log.mock.calls.map(([, deviation]) => deviation as number);
    expect(deviations).toHaveLength(2);
    for (const deviation of deviations) {
      expect(deviation).toBeGreaterThan(0);
      expect(deviation).toBeLessThan(1e-5);
    }
  });

  it('has recipes that workers follow', async () => {
    const { text } = blockWith('import.meta.url');
    const file = join(folder, 'own.ts');
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
    const { labelPolicy, capped } = (await import(file)) as {
      labelPolicy: (labels: number) => bicot.Policy<{ label: number }>;
      capped: (most: number) => bicot.Surrogate;
    };
    const policy = labelPolicy(3);
    const rollout = bicot.oneLevelRollout({
      ...{ policy, space: 'image', sampling: {} },
      context: (label: number) => ({ label }),
    });
    const norms: number[] = [];
    for (const parallel of [undefined, { workers: 1 }]) {
      const steps = bicot.train({
        ...{ policy, rollout, parallel, prompts: [0, 1, 2], steps: 1, learningRate: 1e-20 },
        objective: bicot.grpo({ surrogate: capped(1.2), klWeight: 0 }),
        reward: async (samples) => samples.map(({ tokens }) => bicot.score(tokens.token?.[0] ?? 0)),
      });
      for await (const { metrics } of steps) norms.push(metrics.gradNorm);
    }
    expect(norms[0]).toBeGreaterThan(0);
    expect(norms[1]).toBe(norms[0]);
    tf.dispose(policy.variables as unknown as tf.TensorContainer);
  });
});

describe("the evaluations' page", () => {
  const own = blocks.filter(({ page }) => page === 'docs/evaluation.md');
  const logged = async (module: string): Promise<unknown[]> => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await run(module);
    const lines = log.mock.calls.map(([value]) => value as unknown);
    log.mockRestore();
    return lines;
  };

  it('sums up and compares', async () => {
    const [summary, comparison] = (await logged(blockWith('summarize(before').module)) as string[];
    expect(summary).toMatch(/\| red +\| all +\| .* \| +1 \| +4 \| +8 \| +0 \|/);
    expect(summary).toContain('- red, object: no sample has a score: 8 abstained.');
    // Nothing was trained in between.
    expect(comparison).toMatch(/\| total +\| all +\| .* \| +0\.000 \| 0\.000 to 0\.000 \| 1\.0000 \|/);
  });

  it('prints what the comments say', async () => {
    const others = own.filter(({ text }) => !text.includes('summarize(before'));
    expect(others).toHaveLength(3);
    for (const { module, text } of others) {
      const expected = [...text.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map((found) => found[1]);
      expect((await logged(module)).map(String)).toEqual(expected);
      expect(expected.length).toBeGreaterThan(0);
    }
  });
});

describe("the browser's page", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  it('trains and tells', async () => {
    const told: { engine?: string; step?: number; images?: Uint8Array[] }[] = [];
    vi.stubGlobal('postMessage', (message: (typeof told)[number]) => told.push(message));
    const { module } = blockWith("wasmPaths: '/wasm/'");
    expect(module).toContain('steps: 1000');
    await run(module.replace('steps: 1000', 'steps: 2').replace("{ wasmPaths: '/wasm/' }", '{}'));
    expect(told.map(({ step }) => step)).toEqual([undefined, 0, 1]);
    expect(told[0]?.engine).toMatch(/^WebAssembly/);
    expect(told[1]?.images?.[0]).toBeInstanceOf(Uint8Array);
  });

  it('saves weights and takes them back', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await run(blockWith('URL.createObjectURL').module);
    const [[written, read]] = log.mock.calls as [[number, number]];
    expect(written).toBeGreaterThan(1000);
    expect(read).toBe(written);
  });
});

describe("the doctor's page", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('examines a run, then trains it under the monitor', async () => {
    const { module } = blockWith('doctor(options)');
    expect(module).toContain('steps: 1000');
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const { report } = await run(module.replace('steps: 1000', 'steps: 2'), ['report']);
    expect(report).toMatchObject({ healthy: true });
    expect(log.mock.calls[0]?.[0]).toMatch(/^ok {3}determinism[\s\S]*Healthy: ready to train\.$/);
  });

  it('shows the report of a rollout that does not tell of its guidance', async () => {
    const { module } = blockWith('doctor(options)');
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const { options } = await run(module.replace('steps: 1000', 'steps: 1'), ['options']);
    log.mockRestore();
    const honest = options as bicot.TrainOptions<string, bicot.TokenContext>;
    const report = await bicot.doctor({
      ...honest,
      steps: 1000,
      rollout: async (request) => {
        const rollout = await honest.rollout(request);
        const levels = rollout.levels.map((level) =>
          level.name === 'token' ? { ...level, sampling: {} } : level,
        );
        return { ...rollout, levels };
      },
    });
    const [, shown] = read('docs/doctor.md').match(/^```text\n([\s\S]*?)\n```$/m) ?? [];
    // The stand-in has been trained by the tests above, so the words are compared, and the scale that was found.
    const words = (text: string | undefined) => text?.replace(/\d[\d.e-]*/g, '#');
    const told = bicot.formatDoctorReport(report);
    expect(words(told)).toBe(words(shown));
    expect(told).toContain("Recorded log-probs of level 'token' fit guidance of scale 3,");
  });

  it('tells every finding that there is, by its code, and no other', () => {
    const source = readFileSync(join(root, 'src/train/findings.ts'), 'utf8');
    const [union = ''] = source.match(/export type FindingCode =[^;]*;/) ?? [];
    const codes = [...union.matchAll(/'([\w-]+)'/g)].map((found) => found[1]);
    const told = [...read('docs/doctor.md').matchAll(/^\| `([\w-]+)` \| (?:doctor|monitor|both) \|/gm)];
    expect(codes.length).toBeGreaterThan(20);
    expect(told.map((found) => found[1]).sort()).toEqual(codes.sort());
  });
});
