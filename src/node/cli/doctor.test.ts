import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { doctorCommand } from './doctor.js';
import { type DoctorResult, doctorTable, encodeDoctorResult, summarize } from './doctor-report.js';

const work = mkdtempSync(join(tmpdir(), 'bicot-doctor-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

async function doctor(...args: string[]) {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line) => lines.push(String(line)));
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const status = await doctorCommand(args);
  return { status, text: lines.join('\n') };
}

describe('bicot doctor', () => {
  it('examines a backend, says so in words and in JSON', async () => {
    const file = join(work, 'cpu.json');
    const { status, text } = await doctor('--backend', 'cpu', '--kinds', 'op,loss', '--json', file);
    expect(status).toBe(0);
    expect(text).toMatch(/^bicot +\d/);
    expect(text).toContain(`Node.js       ${process.versions.node}`);
    expect(text).toMatch(/^cpu {11}plain JavaScript/m);
    expect(text).toMatch(/^op +\d+ +0 +0 +0 +error \S+ \(allowed \S+\), /m);
    expect(text).toMatch(/^loss +0 +\d+ +0 +0 *$/m);
    expect(text).toMatch(/^Skipped: the plain cpu backend is this case's reference/m);
    expect(text).toMatch(/This backend computes what bicot needs of it: \d+ checks in \d+ s\.$/);
    const written = JSON.parse(readFileSync(file, 'utf8')) as DoctorResult;
    expect(written).toMatchObject({ name: 'cpu', report: { passed: true, backend: 'cpu' } });
    expect(written.report.checks.length).toBeGreaterThan(200);
    expect(written.report.checks[0]).toMatchObject({ kind: 'op', level: 'ok', error: expect.any(Number) });
  });

  it('refuses what it does not know, and shows how it is used', async () => {
    await expect(doctorCommand(['--backends', 'cpu'])).rejects.toThrow(/bicot doctor: .*--backends/);
    await expect(doctor('--backend', 'abacus')).rejects.toThrow(/Unknown backend 'abacus'/);
    await expect(doctor('--backend', 'cpu', '--kinds', 'ops')).rejects.toThrow(/kinds is \["ops"\]/);
    const nowhere = join(fileURLToPath(import.meta.url), 'x.json');
    await expect(doctor('--backend', 'cpu', '--kinds', 'vq', '--json', nowhere)).rejects.toThrow(
      /--json can't be written/,
    );
    expect((await doctor('--help')).text).toMatch(/^usage: bicot doctor/);
  });
});

const check = { passed: true, level: 'ok', tolerance: 1e-5 } as const;
const RESULT: DoctorResult = {
  ...{ date: '2026-01-31', name: 'wasm', description: 'WebAssembly', facts: { bicot: '1' }, seconds: 7 },
  report: {
    ...{ passed: false, backend: 'wasm', tfjs: '4', kernels: ['composed'] },
    checks: [
      { ...check, check: 'exp: [3]', kind: 'op', error: 1e-6, detail: 'error 1.0e-6 (allowed 1e-5)' },
      { ...check, check: 'log: [3]', kind: 'op', error: 2e-6, detail: 'error 2.0e-6 (allowed 1e-5): so' },
      {
        ...check,
        check: 'addN: eight',
        kind: 'op',
        error: null,
        level: 'warning',
        detail: 'threw: no',
        suggestion: 'Use add.',
      },
      {
        ...check,
        check: 'levelLoss',
        kind: 'loss',
        error: null,
        level: 'note',
        skipped: 'no time',
        detail: 'skipped: no time',
      },
      {
        ...check,
        check: 'a step',
        kind: 'training step',
        error: 1,
        passed: false,
        level: 'error',
        detail: 'error 1.0e+0 (allowed 1e-5)',
        suggestion: 'Stop.',
      },
    ],
  },
};

describe('its report', () => {
  it('sums up each kind', () => {
    expect(
      summarize(RESULT.report).map(({ worst, ...counts }) => [...Object.values(counts), worst?.check]),
    ).toEqual([
      ['op', 2, 0, 1, 0, 'log: [3]'],
      ['loss', 0, 1, 0, 0, undefined],
      ['training step', 0, 0, 0, 1, 'a step'],
    ]);
  });

  it('says what is wrong and what to do, and with --all everything', () => {
    const table = doctorTable(RESULT, false);
    expect(table).toMatch(/^op +2 +0 +1 +0 +error 2\.0e-6 \(allowed 1e-5\), log: \[3\]$/m);
    expect(table).toMatch(/^! addN: eight .*threw: no$/m);
    expect(table).toMatch(/→ Use add\.\n✗ a step .*\n +→ Stop\.$/m);
    expect(table).not.toContain('exp: [3]  ');
    expect(table).toMatch(/does not compute what bicot needs of it: 1 of 5 checks are wrong\.$/);
    expect(doctorTable(RESULT, true)).toMatch(/^✓ exp: \[3\] /m);
  });

  it('comes back from JSON as it was', () => {
    expect(JSON.parse(encodeDoctorResult(RESULT))).toEqual(RESULT);
  });
});
