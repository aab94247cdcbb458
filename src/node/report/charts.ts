import { curve } from './downsample.js';
import type { RunRecord } from './read-run.js';
import type { ChartData, CurveData } from './report-data.js';
import type { RunLevel, RunStep } from './run-step.js';

/** A chart without its curves. */
type Frame = Omit<ChartData, 'curves'>;
/** A named number of every step. */
type Read = readonly [name: string, value: (step: RunStep) => number];

const frame = (section: ChartData['section'], id: string, title: string, about: string): Frame => ({
  ...{ section, id, title, about, monitor: false, main: false },
});

/** Of every level. */
const LEVEL_CHARTS: readonly (readonly [Frame, keyof RunLevel])[] = [
  [
    frame(
      'policy',
      'kl',
      'KL from the reference',
      'How far the policy has moved, by level (k3, nats per token). It rises slowly; a jump is a warning.',
    ),
    'kl',
  ],
  [
    frame(
      'policy',
      'ratio',
      'Largest |ratio − 1|',
      'Before the first update, by level. About 0: what is trained is what was sampled.',
    ),
    'maxRatioDeviation',
  ],
  [
    frame(
      'policy',
      'entropy',
      'Entropy',
      'Of what was sampled from, by level (nats per token). A collapse towards 0 ends all variety.',
    ),
    'entropy',
  ],
  [
    frame(
      'policy',
      'clip',
      'Clipped tokens',
      'Share of the tokens whose gradient the clip removed, by level.',
    ),
    'clipFraction',
  ],
];

/** Of a step. */
const STEP_CHARTS: readonly (readonly [Frame, (step: RunStep) => number])[] = [
  [
    frame('policy', 'gradient', 'Gradient norm', 'Of the last update of a step, before clipping.'),
    ({ gradNorm }) => gradNorm,
  ],
  [
    frame(
      'policy',
      'zero-variance',
      'Groups without spread',
      'Share of the groups whose samples all got the same reward: they teach nothing.',
    ),
    ({ zeroVarianceFraction }) => zeroVarianceFraction,
  ],
  [
    frame('speed', 'throughput', 'Throughput', 'Sampled tokens per second, of all levels.'),
    ({ tokensPerSecond }) => tokensPerSecond,
  ],
  [frame('speed', 'seconds', 'Time of a step', 'In seconds.'), ({ seconds }) => seconds],
  [frame('speed', 'rate', 'Learning rate', 'As the schedule has it.'), ({ learningRate }) => learningRate],
];

const TOTAL: Frame = {
  ...frame(
    'reward',
    'total',
    'Total reward',
    'Mean over the samples of a step of the weighted total: what is trained.',
  ),
  main: true,
};
const FAILED = frame(
  'reward',
  'failed',
  'Scores that failed',
  'Samples that a reward could not score, by reward.',
);

/**
 * The charts of some runs over each other; each has the curves of every run that has such numbers. A chart without any
 * number is left out.
 */
export function chartsOf(runs: readonly RunRecord[]): ChartData[] {
  const names = (of: (step: RunStep) => object): string[] => [
    ...new Set(runs.flatMap(({ steps }) => steps.flatMap((step) => Object.keys(of(step))))),
  ];
  const [rewards, monitors, levels] = [
    names((step) => step.rewards),
    names((step) => step.monitors),
    names((step) => step.levels),
  ];
  const draw = (of: Frame, reads: readonly Read[], calm = true): ChartData[] => {
    const curves = runs.flatMap(({ steps }, run) => reads.flatMap((read) => curveOf(steps, run, read, calm)));
    return curves.length === 0 ? [] : [{ ...of, curves }];
  };
  return [
    ...draw(TOTAL, [['total', ({ reward }) => reward]]),
    ...rewards.flatMap((name) =>
      draw(frame('reward', `reward-${name}`, name, 'Trained: mean over the samples that it scored.'), [
        [name, (step) => step.rewards[name]?.mean ?? Number.NaN],
      ]),
    ),
    ...monitors.flatMap((name) =>
      draw(
        {
          ...frame(
            'reward',
            `monitor-${name}`,
            name,
            'Watched, not trained: it tells whether what rises is what was meant.',
          ),
          monitor: true,
        },
        [[name, (step) => step.monitors[name]?.mean ?? Number.NaN]],
      ),
    ),
    ...draw(FAILED, failures(runs, rewards, monitors), false),
    ...LEVEL_CHARTS.flatMap(([of, key]) =>
      draw(
        of,
        levels.map((level): Read => [level, (step) => step.levels[level]?.[key] ?? Number.NaN]),
      ),
    ),
    ...STEP_CHARTS.flatMap(([of, value]) => draw(of, [[of.title, value]])),
  ];
}

function curveOf(steps: readonly RunStep[], run: number, [name, value]: Read, calm: boolean): CurveData[] {
  const values = Float64Array.from(steps, value);
  if (!values.some(Number.isFinite)) return [];
  return [
    curve(
      name,
      run,
      steps.map(({ step }) => step),
      values,
      calm,
    ),
  ];
}

/** Of the rewards that failed at all. */
function failures(
  runs: readonly RunRecord[],
  rewards: readonly string[],
  monitors: readonly string[],
): Read[] {
  const reads = [
    ...rewards.map((name): Read => [name, ({ rewards: of }) => of[name]?.failed ?? Number.NaN]),
    ...monitors.map((name): Read => [name, ({ monitors: of }) => of[name]?.failed ?? Number.NaN]),
  ];
  return reads.filter(([, value]) => runs.some(({ steps }) => steps.some((step) => value(step) > 0)));
}
