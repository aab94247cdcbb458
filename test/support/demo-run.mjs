/**
 * Makes folders of runs as training makes them, from a seed: rewards that rise, plans, pictures, findings. For tests of
 * what reads such folders; the tests in the browser run it without TypeScript.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';

/** What a page must show as words, and never run. */
export const HOSTILE = '</script><img src=x onerror="globalThis.hacked = 1"><b>&amp;';

const PROMPTS = [
  'a photo of a red cat above a blue dog',
  'three apples on a table',
  'a giraffe left of a green car',
  HOSTILE,
];

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One record of `metrics.jsonl`. @param of how far the run is, from 0 to 1 */
export function demoStep(step, of, next, { rewards, monitors, levels }) {
  const noise = (size) => size * (next() + next() - 1);
  const score = (at, to) => ({
    ...{ mean: at + (to - at) * (1 - Math.exp(-3 * of)) + noise(0.06), std: 0.2 + noise(0.02) },
    ...{
      abstained: 0,
      failed: next() < 0.01 ? 1 : 0,
      groupStd: 0.1,
      zeroVarianceFraction: 0.1,
      correlation: 0.6,
    },
  });
  const byMember = Object.fromEntries(
    rewards.map((name, i) => [name, score(0.2 + 0.05 * i, 0.6 + 0.05 * i)]),
  );
  const seconds = 3 + noise(0.3);
  return {
    step,
    reward: {
      ...{ samples: 32, dropped: 0, std: 0.25, byMember },
      mean: rewards.reduce((sum, name) => sum + byMember[name].mean, 0) / rewards.length,
      shares: Object.fromEntries(rewards.map((name) => [name, 1 / rewards.length])),
      monitors: Object.fromEntries(monitors.map((name) => [name, score(0.15, 0.55)])),
    },
    advantages: { std: 1, zeroVarianceFraction: Math.max(0, 0.3 * of + noise(0.1)), resampled: 0 },
    levels: Object.fromEntries(
      levels.map((name, i) => [
        name,
        {
          ...{ trained: true, kl: (0.02 + 0.01 * i) * of + 0.001 * next(), approxKl: 1e-4 * next() },
          ...{ maxRatioDeviation: 1e-6 * next(), meanRatio: 1, clipFraction: 0.02 * next() },
          ...{ entropy: (2 - i) * (1 - 0.4 * of) + noise(0.08), meanLength: 16 + 240 * i, tokens: 512 },
          ...{ guidanceGap: 0, gradNorm: 0.3 + noise(0.1), klWeight: 0.01, entropyWeight: 0 },
        },
      ]),
    ),
    ...{ loss: noise(0.01), gradNorm: 0.5 + 0.3 * next() ** 4, learningRate: 1e-4 * (1 - 0.9 * of) },
    tokensPerSecond: 1500 + noise(120),
    seconds: {
      total: seconds,
      rollout: 0.6 * seconds,
      reward: 0.1 * seconds,
      reference: 0.1 * seconds,
      update: 0.2 * seconds,
    },
    calls: {},
  };
}

/** A picture of blocks that becomes clearer with training. */
function picture(next, of, size) {
  const data = new Uint8Array(size * size * 3);
  const colors = Array.from({ length: 16 }, () => [next(), next(), next()]);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const block = colors[4 * Math.floor((4 * y) / size) + Math.floor((4 * x) / size)];
      const blur = 0.5 * (1 - of) * (next() - 0.5);
      for (let c = 0; c < 3; c++)
        data[3 * (y * size + x) + c] = 255 * Math.min(1, Math.max(0, block[c] + blur));
    }
  }
  return encode({ width: size, height: size, data, channels: 3, depth: 8 });
}

/**
 * Writes a run's folder.
 * @param folder made if it is missing
 * @param options `steps` made of `total`; `everyPictures` steps between pictures, 0 for none; `size` of theirs
 * @returns what it wrote: the records of `metrics.jsonl`
 */
export function writeDemoRun(folder, options = {}) {
  const {
    steps = 120,
    total = 200,
    seed = 1,
    everyPictures = 20,
    size = 64,
    groupSize = 4,
    rewards = ['objects', 'colours', 'aesthetic'],
    monitors = ['judge'],
    levels = ['semantic', 'token'],
  } = options;
  const next = random(seed);
  mkdirSync(join(folder, 'pictures'), { recursive: true });
  const lines = (name, records) =>
    writeFileSync(join(folder, name), records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  const records = Array.from({ length: steps }, (_, step) =>
    demoStep(step, step / total, next, { rewards, monitors, levels }),
  );
  lines('metrics.jsonl', records);
  lines('findings.jsonl', findings(steps));
  const config = {
    seed,
    steps: total,
    learningRate: 1e-4 * seed,
    groupSize,
    objective: { kl: { weight: 0.01 }, clip: [0.2, 0.28] },
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, note: HOSTILE }, null, 2));

  const pictures = [];
  const draw = (record, of) => {
    const image = `pictures/step-${String(record.step).padStart(6, '0')}-${record.kind}-${pictures.length}.png`;
    writeFileSync(join(folder, image), picture(random(record.look), of, size));
    const scores = Object.fromEntries(
      [...rewards, ...monitors].map((name) => [name, 0.3 + 0.5 * of + 0.1 * next()]),
    );
    const { look: _, ...rest } = record;
    pictures.push({
      ...rest,
      image,
      total: 0.3 + 0.5 * of + 0.1 * next(),
      scores: { ...scores, [rewards[0]]: null },
    });
  };
  for (let step = 0; everyPictures > 0 && step < steps; step += everyPictures) {
    const of = step / total;
    PROMPTS.forEach((prompt, promptIndex) => {
      const plan = `${prompt === HOSTILE ? HOSTILE : `Plan of step ${step}: ${prompt}, seen from the front, in soft light, with the subject in the middle and nothing else around it.`}`;
      draw({ step, kind: 'tracked', prompt, promptIndex, index: 0, plan, look: promptIndex }, of);
    });
    for (const kind of ['best', 'worst']) {
      const prompt = PROMPTS[step % 3];
      for (let index = 0; index < groupSize; index++) {
        draw(
          { step, kind, prompt, group: 0, index, plan: 'A plan.', look: 97 * step + index },
          kind === 'best' ? 1 : of / 2,
        );
      }
    }
  }
  lines('pictures.jsonl', pictures);
  return records;
}

function findings(steps) {
  const at = (share) => Math.floor(share * (steps - 1));
  return [
    {
      ...{ code: 'reward-failures', severity: 'note', reward: 'aesthetic', step: at(0.15) },
      message: "Reward 'aesthetic' could not score 1 sample.",
      evidence: '1 of 32 samples (3 %): the service did not answer in 5 s',
      suggestion: 'Look at the service; samples that fail are left out.',
    },
    {
      ...{ code: 'flat-groups', severity: 'warning', step: at(0.5) },
      message: 'In a third of the groups all samples got the same reward, and teach nothing.',
      evidence: '11 of 32 groups (allowed: 25 %)',
      suggestion: 'Choose harder prompts, or resample such groups.',
    },
    {
      ...{ code: 'flat-groups', severity: 'warning', step: at(0.7) },
      message: 'In a third of the groups all samples got the same reward, and teach nothing.',
      evidence: '12 of 32 groups (allowed: 25 %)',
      suggestion: 'Choose harder prompts, or resample such groups.',
    },
    {
      ...{ code: 'kl-explosion', severity: 'error', level: 'token', step: at(0.8) },
      message: `KL of level 'token' jumped. ${HOSTILE}`,
      evidence: 'KL 0.9, ten times the median of the 50 steps before (0.09)',
      suggestion: 'Lower the learning rate or raise the KL weight.',
    },
  ];
}
