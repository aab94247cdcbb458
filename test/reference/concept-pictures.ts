/**
 * The pictures of docs/guides/concepts.md, as SVG: `npm run docs:pictures` writes them. Curves, advantages and
 * the shares of the loss are the library's own numbers. A test compares the files with what is drawn here.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { clip, groupAdvantages, type KlKind, kl, tokenWeights } from 'bicot';
import {
  AMBER,
  arrow,
  axes,
  BLUE,
  box,
  GREEN,
  LINE,
  line,
  mosaic,
  picture,
  RED,
  SOFT,
  say,
  token,
} from './svg.js';

/** Where the pictures lie. */
export const FOLDER = fileURLToPath(new URL('../../docs/images/concepts/', import.meta.url));

const Y = '#fdcb3c';
const B = '#0984e3';
const SKY = [B, B, Y, Y, B, B, Y, Y, B, B, Y, Y, B, B, Y, Y];

/** A prompt becomes a plan, and both become a picture. */
function levels(): string {
  const prompt = ['sky', 'beside', 'lemon'];
  let x = 32;
  const words = prompt.map((word) => {
    const drawn = token(x, 52, word, '#eef2f6');
    x += 28 + 8 * word.length;
    return drawn;
  });
  const plan = ['blue', 'yellow', '<end>'];
  let at = x + 44;
  const planned = plan.map((word) => {
    const drawn = token(at, 52, word, '#e3edff');
    at += 28 + 8 * word.length;
    return drawn;
  });
  const image = Array.from({ length: 9 }, (_, i) =>
    box(x + 44 + 30 * i, 158, 26, 26, i < 8 ? (SKY[i] as string) : '#f4f6f8', LINE, 4),
  );
  return picture('A prompt, its plan and its picture, token by token', 760, 250, [
    say(32, 30, 'context: the prompt', { fill: SOFT }),
    ...words,
    arrow(x, 66, x + 38, 66),
    say(x + 44, 30, 'completion: the plan — semantic level, space “text”', { fill: BLUE, weight: 600 }),
    ...planned,
    `<path d="M${x + 140} 84 C ${x + 140} 112, ${x + 20} 100, ${x + 8} 150" fill="none" stroke="${SOFT}" stroke-width="1.6" marker-end="url(#head)"/>`,
    say(32, 140, 'context: prompt and plan', { fill: SOFT }),
    token(32, 156, 'sky beside lemon', '#eef2f6', 150),
    token(32, 190, 'blue yellow', '#e3edff', 110),
    say(x + 44, 140, 'completion: the picture — token level, space “image”', { fill: GREEN, weight: 600 }),
    ...image,
    say(x + 44 + 270 + 6, 176, '…', { size: 18, fill: SOFT }),
    say(x + 44, 212, 'one token is one patch; a decoder turns all of them into pixels', { fill: SOFT }),
    arrow(x + 44 + 300, 171, x + 44 + 354, 171),
    mosaic(x + 44 + 362, 154, 9, SKY),
  ]);
}

const SAMPLES = [
  { plan: 'blue yellow', colors: SKY, score: 0.95 },
  { plan: 'blue red', colors: SKY.map((c) => (c === Y ? '#d63031' : c)), score: 0.55 },
  { plan: 'yellow blue', colors: [...SKY].reverse(), score: 0.2 },
  { plan: 'blue yellow', colors: SKY.map((c, i) => (i % 5 === 3 ? '#00a862' : c)), score: 0.8 },
] as const;

/** G samples of one prompt, their scores, and what becomes of the scores. */
function group(): string {
  const scores = SAMPLES.map(({ score }) => score);
  const { advantages } = groupAdvantages(Float64Array.from(scores), { groupSize: scores.length });
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  const left = 250;
  const scale = 150;
  const rows = SAMPLES.flatMap(({ plan, colors, score }, i) => {
    const y = 62 + 56 * i;
    const advantage = advantages[i] as number;
    const tint = advantage > 0 ? GREEN : RED;
    const zero = 560;
    const [from, to] = [Math.min(zero, zero + 60 * advantage), Math.max(zero, zero + 60 * advantage)];
    return [
      token(32, y + 4, plan, '#e3edff', 124),
      mosaic(178, y - 2, 10, colors),
      box(left, y + 6, scale * score, 24, '#dbe3ec', LINE, 3),
      say(left + scale * score + 6, y + 23, score.toFixed(2), { size: 12, fill: SOFT }),
      box(from, y + 6, to - from, 24, `${tint}22`, tint, 3),
      say(
        advantage > 0 ? to + 6 : from - 6,
        y + 23,
        `${advantage > 0 ? '+' : '−'}${Math.abs(advantage).toFixed(2)}`,
        {
          ...{ size: 13, weight: 600, fill: tint },
          anchor: advantage > 0 ? 'start' : 'end',
        },
      ),
      say(676, y + 23, advantage > 0 ? 'more probable' : 'less probable', { size: 12, fill: tint }),
    ];
  });
  return picture('A group: four samples of one prompt, their scores and their advantages', 790, 330, [
    say(32, 34, 'G samples of one prompt', { weight: 600 }),
    say(left, 34, 'reward r', { weight: 600 }),
    say(494, 34, 'advantage A', { weight: 600 }),
    ...rows,
    line(
      left + scale * mean,
      50,
      left + scale * mean,
      282,
      AMBER,
      'stroke-dasharray="4 4" stroke-width="1.6"',
    ),
    say(left + scale * mean, 302, `mean ${mean.toFixed(3)}`, { anchor: 'middle', fill: AMBER, size: 12 }),
    line(560, 50, 560, 282, SOFT),
    say(560, 302, 'A = (r − mean) / (std + 10⁻⁴)', { anchor: 'middle', fill: SOFT, size: 12 }),
  ]);
}

/** The values of a tensor. */
async function read(make: () => tf.Tensor): Promise<Float32Array> {
  const tensor = tf.tidy(make);
  const values = await tensor.data<'float32'>();
  tensor.dispose();
  return values;
}

const steps = (from: number, to: number, count: number) =>
  Array.from({ length: count + 1 }, (_, i) => from + ((to - from) * i) / count);

/** What a token gains as its probability moves, for a good and a bad sample. */
async function clipped(): Promise<string> {
  const ratios = steps(0.4, 1.7, 65);
  const range = { low: 0.2, high: 0.2 };
  const gain = (advantage: number) =>
    read(() => {
      const advantages = tf.fill([ratios.length], advantage) as tf.Tensor1D;
      return clip(tf.tensor2d(ratios, [ratios.length, 1]), advantages, range);
    });
  const gains = [await gain(1), await gain(-1)];
  const panels = [
    {
      advantage: 1,
      title: 'A good sample, A = +1',
      at: [70, 60, 290, 200] as const,
      y: [0, 1.8] as const,
      ticks: [0.5, 1, 1.5],
      fill: GREEN,
    },
    {
      advantage: -1,
      title: 'A bad sample, A = −1',
      at: [450, 60, 290, 200] as const,
      y: [-1.8, 0] as const,
      ticks: [-0.5, -1, -1.5],
      fill: RED,
    },
  ];
  const parts = panels.flatMap(({ advantage, title, at, y, ticks, fill }, panel) => {
    const { px, py, drawn, curve } = axes({ x: [0.4, 1.7], y, at }, { x: [], y: ticks });
    const edge = advantage > 0 ? 1.2 : 0.8;
    const [top, bottom] = [at[1], at[1] + at[3]];
    return [
      ...drawn,
      curve(
        ratios,
        ratios.map((ratio) => ratio * advantage),
        LINE,
        'stroke-dasharray="5 4"',
      ),
      line(px(edge), top, px(edge), bottom, AMBER, 'stroke-dasharray="3 4"'),
      curve(ratios, gains[panel] as Float32Array, fill),
      ...[0.6, 0.8, 1, 1.2, 1.4, 1.6].map(
        (tick) =>
          line(px(tick), bottom, px(tick), bottom + 4, SOFT) +
          say(px(tick), bottom + 18, String(tick), { anchor: 'middle', size: 11, fill: SOFT }),
      ),
      say(px(1.05), bottom + 36, 'ratio r = π / π_old', { anchor: 'middle', size: 12, fill: SOFT }),
      say(at[0], 36, title, { weight: 600, fill }),
      say(px(edge) + (advantage > 0 ? 8 : -8), advantage > 0 ? py(0.25) : py(-1.5), 'no gradient', {
        size: 12,
        fill: AMBER,
        anchor: advantage > 0 ? 'start' : 'end',
      }),
      say(px(edge) + (advantage > 0 ? 8 : -8), (advantage > 0 ? py(0.25) : py(-1.5)) + 16, 'beyond here', {
        size: 12,
        fill: AMBER,
        anchor: advantage > 0 ? 'start' : 'end',
      }),
    ];
  });
  return picture('The clipped gain of a token as its probability moves', 780, 310, parts);
}

/** What three estimators of the KL make of a token's log-ratio. */
async function estimators(): Promise<string> {
  const x = steps(-2, 2, 80);
  const { px, py, drawn, curve } = axes(
    { x: [-2, 2], y: [-2, 3], at: [60, 40, 420, 260] },
    { x: [-2, -1, 1, 2], y: [-2, -1, 1, 2, 3] },
  );
  const value = (kind: KlKind) =>
    read(() => kl(kind, tf.tensor2d(x, [x.length, 1]), tf.zeros([x.length, 1])));
  /** As far as it fits. */
  const fitting = async (kind: KlKind, stroke: string) => {
    const ys = await value(kind);
    const fits = x.map((_, i) => i).filter((i) => (ys[i] as number) <= 3);
    return curve(
      fits.map((i) => x[i] as number),
      fits.map((i) => ys[i] as number),
      stroke,
    );
  };
  return picture('k1, k2 and k3, estimates of the distance to the reference', 760, 340, [
    ...drawn,
    curve(x, await value('k1'), LINE, 'stroke-dasharray="6 4"'),
    await fitting('k2', AMBER),
    await fitting('k3', BLUE),
    say(px(2), py(0) + 36, 'log π − log π_ref', { size: 12, fill: SOFT, anchor: 'end' }),
    say(516, 130, 'k3 = ρ − log ρ − 1, ρ = π_ref / π', { fill: BLUE, weight: 600 }),
    say(516, 150, 'never negative; steep where the policy', { size: 12, fill: SOFT }),
    say(516, 166, 'finds a token rarer than the reference', { size: 12, fill: SOFT }),
    say(516, 200, 'k2 = ½ (log ρ)²', { fill: AMBER, weight: 600 }),
    say(516, 232, 'k1 = −log ρ', { fill: SOFT, weight: 600 }),
    say(516, 252, 'right on average, but its average', { size: 12, fill: SOFT }),
    say(516, 268, 'gradient is 0', { size: 12, fill: SOFT }),
  ]);
}

/** How much of the loss a plan has beside its picture. */
function shares(): string {
  const [plan, image] = [60, 576];
  const level = (length: number) => ({
    lengths: Int32Array.of(length),
    width: length,
    normalizer: 'token-mean' as const,
  });
  const share = (joint: boolean) => {
    const [of] = tokenWeights([level(plan), level(image)], { joint }).map((weights) =>
      weights.reduce((a, b) => a + b, 0),
    );
    return (of as number) / (joint ? 1 : 2);
  };
  const bars = [
    { name: 't2iR1: one token mean', part: share(true) },
    { name: 'balanced: a mean for each level', part: share(false) },
  ].flatMap(({ name, part }, i) => {
    const y = 56 + 64 * i;
    return [
      say(32, y + 24, name, { mono: false }),
      box(260, y, 460 * part, 36, '#cfe0ff', BLUE, 4),
      box(260 + 460 * part, y, 460 * (1 - part), 36, '#d3efe4', GREEN, 4),
      say(260 + 460 * part + 10, y + 23, `picture ${Math.round(100 * (1 - part))} %`, {
        size: 12,
        fill: GREEN,
      }),
      say(260, y + 52, `plan ${Math.round(100 * part)} %`, { size: 12, fill: BLUE }),
    ];
  });
  return picture('The share of the loss that a plan of 60 tokens has beside a picture of 576', 760, 200, [
    say(32, 32, 'A plan of 60 tokens beside a picture of 576', { weight: 600 }),
    ...bars,
  ]);
}

/** One training step. */
function step(): string {
  const stage = (x: number, y: number, title: string, under: string, fill: string, width = 128) =>
    box(x, y, width, 54, fill) +
    say(x + width / 2, y + 24, title, { anchor: 'middle', weight: 600 }) +
    say(x + width / 2, y + 42, under, { anchor: 'middle', size: 11, fill: SOFT });
  return picture('One training step', 800, 260, [
    stage(24, 40, 'prompts', 'B', '#f4f6f8', 92),
    arrow(116, 67, 146, 67),
    stage(150, 40, 'rollout', 'N = B·G samples', '#e3edff'),
    arrow(278, 67, 308, 67),
    stage(312, 40, 'rewards', '[N, K] scores', '#fff3d9'),
    arrow(440, 67, 470, 67),
    stage(474, 40, 'advantages', '[N], within groups', '#fff3d9', 136),
    arrow(610, 67, 640, 67),
    stage(644, 40, 'loss', 'of each level', '#fde4e1'),
    stage(150, 150, 'policy π', 'log π of every token', '#e3edff'),
    stage(312, 150, 'reference', 'log π_ref, frozen', '#eef2f6'),
    stage(644, 150, 'update', 'gradients, AdamW', '#d3efe4'),
    arrow(214, 150, 214, 98),
    arrow(708, 94, 708, 146),
    `<path d="M278 172 L 296 172 L 296 124 L 676 124 L 676 98" fill="none" stroke="${SOFT}" stroke-width="1.6" marker-end="url(#head)"/>`,
    `<path d="M440 177 L 456 177 L 456 132 L 690 132 L 690 98" fill="none" stroke="${SOFT}" stroke-width="1.6" marker-end="url(#head)"/>`,
    `<path d="M708 204 L 708 232 L 214 232 L 214 208" fill="none" stroke="${GREEN}" stroke-width="1.8" marker-end="url(#head)"/>`,
    say(462, 226, 'new weights', { anchor: 'middle', size: 12, fill: GREEN }),
    say(226, 126, 'samples', { size: 12, fill: SOFT }),
  ]);
}

/** Every picture, by its file. */
export async function conceptPictures(): Promise<Readonly<Record<string, string>>> {
  await tf.ready();
  return {
    'step.svg': step(),
    'levels.svg': levels(),
    'group.svg': group(),
    'clip.svg': await clipped(),
    'kl.svg': await estimators(),
    'shares.svg': shares(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [file, svg] of Object.entries(await conceptPictures())) writeFileSync(`${FOLDER}${file}`, svg);
}
