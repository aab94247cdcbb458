/** `npm run check:reference`, as a user runs it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  it('exits with 1 if a loss or a gradient is off by more than 1e-5', () => {
    const { status, stdout } = check(fileWith({ wrong: { loss: 0.1902 }, right: {} }));
    expect(stdout).toMatch(/^WRONG +wrong/m);
    expect(stdout).toMatch(/1 of 2 cases agree/);
    expect(status).toBe(1);
  });

  it('exits with 2, in words, for a file that it cannot use', () => {
    const garbage = join(folder, 'garbage.json');
    writeFileSync(garbage, '{"inputs": {}}');
    expect(check(garbage)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('has no inputs.logp'),
    });
    expect(check(join(folder, 'none.json'))).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/can't be read/),
    });
    expect(check()).toMatchObject({ status: 2, stderr: expect.stringMatching(/^Usage/m) });
  });
});
