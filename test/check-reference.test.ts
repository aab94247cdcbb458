/** `npm run check:reference`, as a user runs it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ReferenceCase, ReferenceFile } from './reference/cases.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bicot-reference-'));
afterAll(() => rmSync(folder, { recursive: true }));

function check(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'test/reference/check.ts', ...args],
    { cwd: root, encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

/** A few cases of the committed file, changed. */
function fileWith(cases: Record<string, Partial<ReferenceCase>>, more: Partial<ReferenceFile> = {}): string {
  const text = readFileSync(join(root, 'test/fixtures/grpo-losses.json'), 'utf8');
  const file = JSON.parse(text) as ReferenceFile & { trl: Record<string, ReferenceCase> };
  const trl = Object.fromEntries(
    Object.entries(cases).map(([name, changes]) => [
      name,
      { ...(file.trl.grpo as ReferenceCase), ...changes },
    ]),
  );
  const path = join(folder, `${Object.keys(cases).join('-')}.json`);
  writeFileSync(
    path,
    JSON.stringify({ ...file, verl: undefined, verl_kl: undefined, advantages: undefined, trl, ...more }),
  );
  return path;
}

describe('npm run check:reference', () => {
  it('prints each case with its errors, and what it skipped and why; exits with 0', () => {
    const path = fileWith({
      right: {},
      unknown_loss: { loss_type: 'ppo' },
      unknown_option: { options: { beta2: 3 } },
      refused: { options: { epsilon: -0.2 } },
    });
    const { status, stdout } = check(path);
    expect(stdout).toMatch(/^ok +right +\d\.\de-\d+ +\d\.\de-\d+$/m);
    expect(stdout).toMatch(/^skip +unknown_loss +bicot has no loss ppo$/m);
    expect(stdout).toMatch(/^skip +unknown_option +bicot does not know the option beta2$/m);
    expect(stdout).toMatch(/^skip +refused +bicot refuses it: .*0 ≤ low ≤ 1/m);
    expect(stdout).toMatch(/1 of 1 cases agree, 3 skipped/);
    expect(status).toBe(0);
  });

  it("leaves LUSPO with TRL's padding slip out, and finds a wrong one", () => {
    // By hand: N = 2, T = 2, the second row one token long; ratio 1 and reference 0.1 above (0.5 in the
    // padding), so kl = e^0.1 − 1.1.
    const rows = (value: number) => [
      [value, value],
      [value, value],
    ];
    const inputs = {
      ...{ logp: rows(-1), old: rows(-1), adv: [1, -2] },
      ref: [
        [-0.9, -0.9],
        [-0.9, -0.5],
      ],
      mask: [
        [1, 1],
        [1, 0],
      ],
    };
    const kl = Math.exp(0.1) - 1.1;
    const padded = Math.exp(0.5) - 1.5;
    const slip = ((-1 + 0.5 * kl) * 2 * 2 + (2 + 0.5 * kl) + (2 + 0.5 * padded)) / 4;
    const right = ((-1 + 0.5 * kl) * 2 + (2 + 0.5 * kl) * 1) / 2;
    const pull = 0.5 * (1 - Math.exp(0.1));
    // At ratio 1 every token of a row has −A of the surrogate, by the row's length, and its own of the penalty.
    const grad = [
      [(-1 + pull) / 2, (-1 + pull) / 2],
      [(2 + pull) / 2, 0],
    ];
    const luspo = { loss_type: 'luspo', options: { beta: 0.5, lvl: 'sequence' }, grad };
    const path = fileWith({ slip: { ...luspo, loss: slip }, right: { ...luspo, loss: right } }, { inputs });
    const { status, stdout } = check(path);
    expect(stdout).toMatch(/^skip +slip +TRL up to f2cd577 averages padding/m);
    expect(stdout).toMatch(/^ok +right/m);
    expect(status).toBe(0);
  });

  it('exits with 1 if a loss or a gradient is off by more than 1e-5', () => {
    const { status, stdout } = check(fileWith({ wrong: { loss: 0.1902 }, right: {} }));
    expect(stdout).toMatch(/^WRONG +wrong/m);
    expect(stdout).toMatch(/1 of 2 cases agree/);
    expect(status).toBe(1);
  });

  it("compares modules with PEFT's adapters beside the file, on and off", () => {
    cpSync(join(root, 'test/fixtures/peft'), folder, { recursive: true });
    const path = join(folder, 'default/outputs.json');
    const right = check(path);
    expect(right.stdout).toMatch(/case +on +off$/m);
    expect(right.stdout).toMatch(
      /^ok +language_model\.model\.layers\.0\.self_attn\.q_proj +\d\.\de-\d+ +\d\.\de-\d+$/m,
    );
    expect(right.stdout).toMatch(/14 of 14 cases agree/);
    expect(right.status).toBe(0);

    const config = join(folder, 'default/adapter_config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('"lora_alpha": 8', '"lora_alpha": 9'));
    const wrong = check(path);
    expect(wrong.stdout).toMatch(/^WRONG +language_model\.model\.layers\.0\.self_attn\.q_proj/m);
    expect(wrong.stdout).toMatch(/10 of 14 cases agree/);
    expect(wrong.status).toBe(1);

    rmSync(config);
    expect(check(path)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/no adapter_config\.json/),
    });
  });

  it('exits with 2, in words, for a file that it cannot use', () => {
    const garbage = join(folder, 'garbage.json');
    writeFileSync(garbage, '{"inputs": {}}');
    expect(check(garbage)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/not in the format.*there is no inputs.logp/),
    });
    expect(check(join(folder, 'none.json'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/can't be read/),
    });
    expect(check()).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^Usage: npm run check:reference/),
    });
  });
});
