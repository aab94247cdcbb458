/** What the documents say about the demo is what was measured. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type EvidenceReport, evidenceSummary, evidenceTable } from './evidence-table.js';
import { demoSettings } from './settings.js';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const evidence = JSON.parse(read('./evidence.json')) as EvidenceReport;
const sweep = JSON.parse(read('./base/sweep.json')) as {
  weights: string;
  best: unknown;
  rows: { sampling: unknown; judge: number }[];
};
const change = ({ heldOutJudge }: EvidenceReport['runs'][number]) => heldOutJudge.after - heldOutJudge.before;

describe('the evidence', () => {
  it('has three seeds with true rewards, and each with shuffled ones', () => {
    expect(evidence.runs.map(({ seed, shuffled }) => [seed, shuffled])).toEqual([
      [0, false],
      [1, false],
      [2, false],
      [0, true],
      [1, true],
      [2, true],
    ]);
  });

  it('training raises the held-out judge by at least 15 points on every seed, shuffled rewards by less than 3', () => {
    for (const run of evidence.runs) {
      const { after, beforeSameSampling } = run.heldOutJudge;
      for (const gain of [change(run), after - beforeSameSampling]) {
        if (run.shuffled) expect(gain).toBeLessThan(3);
        else expect(gain).toBeGreaterThanOrEqual(15);
      }
      expect(run.steps).toBe(demoSettings().steps);
      expect(Number.isFinite(run.klToBase)).toBe(true);
    }
  });

  it('is about the weights and settings that are shipped', () => {
    const bytes = readFileSync(new URL('./base/model.safetensors', import.meta.url));
    const hash = createHash('sha256').update(bytes).digest('hex');
    expect(sweep.weights).toBe(hash);
    expect(evidence.weights).toBe(hash);
    expect(evidence.settings).toEqual(JSON.parse(JSON.stringify(demoSettings())));
  });

  it('starts from an imperfect base at its own best sampling', () => {
    expect(demoSettings().baseSampling).toEqual(sweep.best);
    expect(Math.max(...sweep.rows.map(({ judge }) => judge))).toBe(
      sweep.rows.find(({ sampling }) => JSON.stringify(sampling) === JSON.stringify(sweep.best))?.judge,
    );
    for (const { heldOutJudge } of evidence.runs) {
      expect(heldOutJudge.before).toBeGreaterThanOrEqual(35);
      expect(heldOutJudge.before).toBeLessThanOrEqual(60);
    }
  });

  it('is what docs/demo.md and the README show', () => {
    expect(read('../../docs/demo.md')).toContain(evidenceTable(evidence));
    // Without the line breaks of the file.
    expect(read('../../README.md').replace(/\s+/g, ' ')).toContain(evidenceSummary(evidence));
  });
});
