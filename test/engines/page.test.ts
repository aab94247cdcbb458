import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { EvidenceReport } from '../../examples/emoji/evidence-table.js';
import { engineResults, withResults } from '../reference/backend-table.js';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');

it('docs/backends.md says what the results give', () => {
  const page = read('../../docs/backends.md');
  expect(withResults(page)).toBe(page);
});

it('the engines that every machine can have were run, and are right', () => {
  const results = engineResults();
  for (const engine of ['cpu', 'wasm', 'webgpu-software', 'node'] as const) {
    expect(results[engine]?.passed, engine).toBe(true);
    expect(results[engine]?.facts.bicot).toBeTruthy();
  }
});

it('the demo learns on native TensorFlow as it does on wasm', () => {
  const [wasm, node] = ['evidence.json', 'evidence-node.json'].map(
    (name) => JSON.parse(read(`../../examples/emoji/${name}`)) as EvidenceReport,
  ) as [EvidenceReport, EvidenceReport];
  expect(node.weights).toBe(wasm.weights);
  expect(node.settings).toEqual(wasm.settings);
  const gains = ({ runs }: EvidenceReport) =>
    runs.filter(({ shuffled }) => !shuffled).map(({ heldOutJudge: { before, after } }) => after - before);
  const [onWasm, onNode] = [gains(wasm), gains(node)];
  expect(onNode).toHaveLength(3);
  const spread = Math.max(...onWasm) - Math.min(...onWasm);
  // Two engines may not differ by more, with the same seed, than seeds do.
  onNode.forEach((gain, seed) => {
    expect(gain).toBeGreaterThanOrEqual(15);
    expect(Math.abs(gain - (onWasm[seed] as number))).toBeLessThan(spread);
  });
});
