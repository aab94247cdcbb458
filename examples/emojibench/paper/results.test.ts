import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { weightsChecksum } from '../../emoji/model-file.js';
import { ARMS, armNamed } from './arms.js';
import { remade } from './marked.js';
import { publishedPages } from './pages.js';
import { readRecords } from './record.js';
import { runsOf } from './runs.js';
import { evaluationPrompts, plannedRuns, protocolHash, SETTINGS } from './settings.js';
import { valueIn } from './values.js';

const FOLDER = 'examples/emojibench/runs';
const records = readRecords(FOLDER);
const base = weightsChecksum('examples/emojibench/base');

describe('the committed runs', () => {
  it('were made by the protocol, each once', () => {
    expect(records.length).toBeGreaterThan(0);
    const planned = new Set(plannedRuns(SETTINGS).map(({ arm, seed }) => `${arm.name} ${seed}`));
    const made = records.map(({ arm, seed }) => `${arm} ${seed}`);
    expect(made.filter((run) => !planned.has(run))).toEqual([]);
    expect(new Set(made).size).toBe(made.length);
    for (const { arm, protocol } of records)
      expect(protocol).toBe(protocolHash(SETTINGS, armNamed(arm), base));
  });

  it('have all seeds of the main comparison', () => {
    const { seeds } = SETTINGS;
    for (const { name, question } of ARMS.filter((arm) => arm.question === 'main'))
      expect(
        records.filter(({ arm }) => arm === name).map(({ seed }) => seed),
        `${question} ${name}`,
      ).toEqual(seeds.main);
  });

  it('say something about every prompt', () => {
    const samples = evaluationPrompts(SETTINGS).length * SETTINGS.samplesPerPrompt;
    for (const { judge, aspects } of records) {
      expect(judge).toMatch(/^[01]+$/);
      expect([judge.length, aspects.length]).toEqual([samples, samples]);
      // What the judge accepts meets every aspect.
      [...judge].forEach((verdict, i) => {
        if (verdict === '1') expect(aspects[i]).toBe(1000);
      });
    }
  });
});

describe('the pages', () => {
  it('say what the runs say', { timeout: 180_000 }, async () => {
    for (const [file, content] of Object.entries(await publishedPages(SETTINGS, FOLDER))) {
      const there = readFileSync(file);
      const made = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
      expect(there.equals(made), `${file}: run npm run paper -- --report-only`).toBe(true);
    }
  });
});

describe('a page that is partly made', () => {
  it('keeps what is written by hand', () => {
    const page = 'By hand.\n<!-- made one -->\nold\n<!-- /made -->\nIt is <!-- = a b -->old<!-- / --> %.';
    expect(remade(page, { one: () => 'new' }, (key) => `${key}!`)).toBe(
      'By hand.\n<!-- made one -->\n\nnew\n\n<!-- /made -->\nIt is <!-- = a b -->a b!<!-- / --> %.',
    );
    expect(() => remade(page, {}, () => '')).toThrow("'one'");
  });

  it('refuses what the runs do not know', () => {
    const runs = runsOf(records, SETTINGS);
    expect(() => valueIn(runs, 'judge nobody all')).toThrow('no runs');
    expect(() => valueIn(runs, 'weather')).toThrow('means nothing');
  });
});
