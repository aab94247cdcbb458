import { describe, expect, it } from 'vitest';
import type { StepMetrics } from '../../../train/metrics.js';
import { progressOutput } from './progress.js';
import { stepLines } from './step-lines.js';

const metrics = (step: number): StepMetrics =>
  ({
    ...{ step, gradNorm: 0.25, seconds: { total: 2 } },
    ...{ reward: { mean: 0.5 + step / 100, std: 0.125 }, levels: { token: { kl: 0.001 } } },
  }) as unknown as StepMetrics;

function lines(isTTY: boolean, json = false) {
  const written: string[] = [];
  const stream = { isTTY, columns: 200, write: (text: string) => written.push(text) };
  let clock = 0;
  const told = stepLines(10, progressOutput(stream, { json }), () => clock);
  return { ...told, written, at: (ms: number) => (clock = ms) };
}

describe('stepLines', () => {
  it('rewrites one line on a terminal: bar, step, reward, time left, phase', () => {
    const { during, after: made, at, written } = lines(true);
    during({ step: 5, phase: 'rollout' });
    at(3000);
    made(metrics(5));
    during({ step: 6, phase: 'update' });
    expect(written).toEqual([
      '\r\u001b[2K██████░░░░░░ step 6/10  rollout …',
      // Three seconds a step, and the four steps 7 to 10 are to be made.
      '\r\u001b[2K███████░░░░░ step 7/10  reward 0.5500  0:12 left  update …',
    ]);
  });

  it('writes a line a step elsewhere, and nothing between them', () => {
    const { during, after: made, at, written } = lines(false);
    during({ step: 0, phase: 'rollout' });
    at(2000);
    made(metrics(0));
    at(6000);
    made(metrics(1));
    expect(written).toEqual([
      'step 1/10 █░░░░░░░░░░░ reward 0.5000 ± 0.1250  KL token 0.0010  |g| 0.250  2.0 s, 0:18 left\n',
      'step 2/10 ██░░░░░░░░░░ reward 0.5100 ± 0.1250  KL token 0.0010  |g| 0.250  2.0 s, 0:24 left\n',
    ]);
  });

  it('writes objects for machines', () => {
    const { during, after: made, written } = lines(true, true);
    during({ step: 0, phase: 'rollout' });
    made(metrics(0));
    expect(written.map((line) => JSON.parse(line))).toEqual([{ event: 'step', ...metrics(0) }]);
  });
});
