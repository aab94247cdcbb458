import type { Group, Ready, Settings, StepReport, Try } from '../messages.js';
import { el } from './dom.js';
import { count, fixed, percent, short, signed } from './format.js';

/** What the explanation can speak of; a step is there once one was made. */
export interface Known {
  readonly ready: Ready;
  readonly settings: Settings;
  readonly group: Group;
  readonly report?: StepReport;
}

/** One page of the explanation. */
export interface GuideStep {
  readonly title: string;
  /** The part of the page that it is about. */
  readonly target: string;
  /** Paragraphs, with the numbers of now. */
  readonly text: (known: Known) => readonly Node[];
}

const p = (...children: readonly (Node | string)[]): Node => el('p', {}, ...children);
const b = (text: string | number): Node => el('b', {}, text);
const math = (text: string): Node => el('p', { class: 'math' }, text);
const hint = (text: string): Node => el('p', { class: 'note' }, text);
const NO_STEP = 'Press “One step” to see the numbers of a step here.';

const best = ({ tries }: Group): [Try, number] => {
  const at = tries.reduce((top, { total }, i) => ((total ?? -1) > (tries[top]?.total ?? -1) ? i : top), 0);
  return [tries[at] as Try, at + 1];
};
const product = (probabilities: Iterable<number>): number =>
  [...probabilities].reduce((all, one) => all * one, 1);

/** The explanation, from the prompt to the update. */
export const GUIDE: readonly GuideStep[] = [
  {
    title: 'One prompt, several tries',
    target: 'ask',
    text: ({ group, ready, settings }) => [
      p(
        'The model has ',
        b(count(ready.model.parameters)),
        ' weights and writes two things for a prompt, one after the other: a ',
        el('span', { class: 'plan-ink' }, 'plan'),
        ' in words and a ',
        el('span', { class: 'picture-ink' }, 'picture'),
        ' in image tokens.',
      ),
      p(
        'It does so ',
        b(group.tries.length),
        ` times for “${group.prompt}”, each time with other random numbers. These tries are a `,
        b('group'),
        '. Nobody shows the model a right answer; it only learns which of its own tries were better than the others.',
      ),
      hint(
        `Each step trains on this prompt and on ${settings.otherPrompts} others of the world, which are not shown.`,
      ),
    ],
  },
  {
    title: 'Semantic level: the plan',
    target: 'group',
    text: ({ group, ready, report }) => {
      const [{ plan, words }, place] = best(group);
      return [
        p(
          'First the model thinks in words: what goes into which cell of a 4 × 4 grid (a1 is at the top left). This is the ',
          b('semantic-level chain of thought'),
          '.',
        ),
        p(
          `Try ${place} planned “${plan}”. It drew `,
          b(words.length),
          ` tokens, the end included, each from ${ready.model.words} words. The chance of just this plan was `,
          b(percent(product(words.map(({ probability }) => probability)))),
          '. Words that the model was unsure of are underlined more strongly.',
        ),
        report
          ? p(
              'Over all plans of step ',
              b(report.step),
              ' the entropy is ',
              b(fixed(report.levels.plan.entropy, 2)),
              ' nats a word.',
            )
          : hint(NO_STEP),
      ];
    },
  },
  {
    title: 'Token level: the picture',
    target: 'group',
    text: ({ group, ready }) => {
      const [{ tokenProbabilities }, place] = best(group);
      const unsure = [...tokenProbabilities].filter((probability) => probability < 0.9).length;
      return [
        p(
          'Then it reads prompt and plan and draws: ',
          b(ready.model.imageTokens),
          ' tokens in reading order, each one of ',
          b(ready.model.patches),
          ' patches of 8 × 8 pixels. This is the ',
          b('token-level chain of thought'),
          '.',
        ),
        p(
          `In try ${place}, ${unsure === 0 ? 'no token was' : `${unsure} ${unsure === 1 ? 'token was' : 'tokens were'}`} drawn with less than 90 % certainty.`,
        ),
        hint(
          '“Draw again, token by token” replays the order; “Show how sure” reddens tokens that might have come out otherwise.',
        ),
      ];
    },
  },
  {
    title: 'Rewards',
    target: 'group',
    text: ({ group, ready }) => {
      const [{ rewards, total }, place] = best(group);
      const terms = Object.entries(rewards).flatMap(([name, value]) =>
        value === null ? [] : [`${ready.rewards[name]} · ${fixed(value)}`],
      );
      const most = Object.entries(rewards).reduce(
        (sum, [name, value]) => sum + (value === null ? 0 : (ready.rewards[name] ?? 0)),
        0,
      );
      const silent = Object.entries(rewards).flatMap(([name, value]) => (value === null ? [name] : []));
      return [
        p(
          'Programs look at each picture. ',
          b('detector'),
          ' asks: are the right things there, in number and place? ',
          b('attribute'),
          ': the right colours? ',
          b('quality'),
          ': are the sprites whole? ',
          b('faithful'),
          ': does the picture show the plan?',
        ),
        p(
          `Try ${place}: `,
          b(`${terms.join(' + ')} = ${fixed(total)}`),
          silent.length > 0
            ? `. Silent about such prompts: ${silent.join(', ')}; that is no zero, it favours no try over another. The most that a picture can get here is ${fixed(most)}.`
            : '.',
        ),
        p(
          '✓ and ✗ come from a ',
          b('judge'),
          ' that shares no code with the rewards and is never trained on. If rewards rise and the judge does not agree, the model is cheating.',
        ),
      ];
    },
  },
  {
    title: 'Advantages: better than the group?',
    target: 'group',
    text: ({ group }) => {
      const [{ total, advantage }, place] = best(group);
      const flat = group.std < 1e-8;
      return [
        p('A reward of 0.8 says little; what counts is whether a try beats its siblings:'),
        math('A = (reward − mean) / (std + 0.0001)'),
        flat
          ? p(
              'All tries of this group got the same reward, so every advantage is 0: ',
              b('no lesson'),
              '. Try a harder prompt.',
            )
          : p(
              `Try ${place}: (${fixed(total, 3)} − ${fixed(group.mean, 3)}) / (${fixed(group.std, 3)} + 0.0001) = `,
              b(signed(advantage)),
              '.',
            ),
        p(
          'Tries with ▲ become more likely, word by word and patch by patch; those with ▼ less. Plan and picture of a try share its advantage.',
        ),
      ];
    },
  },
  {
    title: 'The clipped update',
    target: 'numbers',
    text: ({ report, ready, settings }) => {
      const limits = `${fixed(1 - ready.clip, 1)} to ${fixed(1 + ready.clip, 1)}`;
      const formula = math('loss = −mean min(r · A, clip(r) · A) + β · KL');
      const idea = p(
        'For every token, r = new probability ÷ probability when it was sampled. Gains count only while r stays within ',
        b(limits),
        ', so that no single step goes too far. Plan and picture have a mean of their own each, or 64 patches would drown a few words.',
      );
      if (!report) return [idea, formula, hint(NO_STEP)];
      const { plan, picture } = report.levels;
      return [
        idea,
        formula,
        p(
          `Step ${report.step}: before the update r differed from 1 by at most `,
          b(short(Math.max(plan.maxRatioDeviation, picture.maxRatioDeviation))),
          ' (what was sampled is what is trained). Clipped: ',
          b(percent(plan.clipFraction)),
          ' of plan tokens, ',
          b(percent(picture.clipFraction)),
          ' of patches. The gradient’s norm was ',
          b(fixed(report.gradNorm)),
          `; it is cut at ${report.maxGradNorm}.`,
        ),
        settings.updatesPerRollout === 1
          ? hint(
              'With one update per rollout r is still 1 and nothing is clipped. Choose 2 or 4 in the settings to see the clip at work.',
            )
          : '',
      ].filter((node): node is Node => node !== '');
    },
  },
  {
    title: 'The leash: KL',
    target: 'kl-chart',
    text: ({ report, settings }) => [
      p(
        'A frozen copy of the base model scores the same tokens. The ',
        b('KL divergence'),
        ' says how far the trained model has moved away from it, and the loss charges β for it, so that it does not forget how to draw in order to please a reward.',
      ),
      report
        ? p(
            `Step ${report.step}: KL `,
            b(short(report.levels.plan.kl)),
            ' a plan token and ',
            b(short(report.levels.picture.kl)),
            ' a patch, times β = ',
            b(settings.klWeight),
            ' = ',
            b(short(settings.klWeight * (report.levels.plan.kl + report.levels.picture.kl))),
            ' of the loss.',
          )
        : hint(NO_STEP),
      hint(
        'With β = 1 the curve stays flat and little is learnt; with 0.001 and a learning rate of 2e-3 you can watch the model break.',
      ),
    ],
  },
  {
    title: 'What to watch',
    target: 'reward-chart',
    text: ({ report }) => [
      p(
        'Let it run for some thirty steps. Every step has other prompts, so single points jump; the line is their running mean. Reward and judge should rise together, while the KL grows slowly.',
      ),
      report
        ? p(
            `Now, after ${report.step} ${report.step === 1 ? 'step' : 'steps'}: reward `,
            b(fixed(report.reward)),
            ', the judge accepts ',
            b(percent(report.judge)),
            ` of the step’s ${report.samples} pictures.`,
          )
        : hint(NO_STEP),
      p(
        'Plans learn first: counting and places are mended there. Two colours in one picture are planned well and drawn badly; that is a limit of the picture level.',
      ),
      p(
        'The method is T2I-R1’s, ',
        el(
          'a',
          { href: 'https://arxiv.org/abs/2505.00703', target: '_blank', rel: 'noreferrer' },
          'arXiv 2505.00703',
        ),
        '.',
      ),
    ],
  },
];
