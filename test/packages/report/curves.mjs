/** What the run of test/support/demo-run.mjs is made of. */
export const NAMES = {
  rewards: ['objects', 'colours', 'aesthetic'],
  monitors: ['judge'],
  levels: ['semantic', 'token'],
};

/** The curves that a demo run must have: chart, curve and where a record has the number. */
export function curvesOf() {
  return [
    ['total', 'total', ({ reward }) => reward.mean],
    ...NAMES.rewards.map((name) => [`reward-${name}`, name, ({ reward }) => reward.byMember[name].mean]),
    ['monitor-judge', 'judge', ({ reward }) => reward.monitors.judge.mean],
    ...NAMES.levels.flatMap((name) => [
      ['kl', name, ({ levels }) => levels[name].kl],
      ['ratio', name, ({ levels }) => levels[name].maxRatioDeviation],
      ['entropy', name, ({ levels }) => levels[name].entropy],
      ['clip', name, ({ levels }) => levels[name].clipFraction],
    ]),
    ['gradient', 'Gradient norm', ({ gradNorm }) => gradNorm],
    ['zero-variance', 'Groups without spread', ({ advantages }) => advantages.zeroVarianceFraction],
    ['throughput', 'Throughput', ({ tokensPerSecond }) => tokensPerSecond],
    ['seconds', 'Time of a step', ({ seconds }) => seconds.total],
    ['rate', 'Learning rate', ({ learningRate }) => learningRate],
  ];
}

/** Whether a number in words is a number, to the digits that are shown. */
export function close(text, value) {
  const number = Number(text.replaceAll('−', '-').replaceAll(',', ''));
  return Math.abs(number - value) <= 6e-3 * Math.abs(value);
}
