import { loadAtlas } from '../emoji/atlas-file.js';
import { measureCorpus } from '../emoji/corpus.js';
import { isHeldOut } from '../emoji/holdout.js';
import { createJudge } from '../emoji/judge.js';
import { enumeratePrompts, samplePrompts } from '../emoji/prompts.js';
import { FACT_KINDS, factKindOf, hasHeldOutPhrase } from './facts.js';
import { acceptanceOf, CORRUPTIONS, confusionOf, precisionOf, recallOf } from './judge-error.js';
import { percent, table } from './paper/tables.js';
import { EMOJI_BENCH } from './world.js';

/** Scenes of each kind that the judge is shown, and pictures of each corruption. */
const SCENES = 1000;

/** The tables of docs/emojibench.md. */
export function emojiBenchBlocks(): Readonly<Record<string, () => string>> {
  const atlas = loadAtlas();
  const judge = createJudge(atlas);
  const { tasks } = EMOJI_BENCH;
  return {
    prompts: () =>
      table(
        ['kind', 'an example that is held out', 'to train on', 'held out'],
        tasks.map((task) => {
          const [example] = samplePrompts('heldout', 1, 5, { world: EMOJI_BENCH, tasks: [task] });
          const count = (split: 'train' | 'heldout'): string =>
            enumeratePrompts(split, task, EMOJI_BENCH).length.toLocaleString('en-US');
          return [task, example?.prompt ?? '', count('train'), count('heldout')];
        }),
      ),
    facts: () => {
      const rows = samplePrompts('heldout', 3000, 0, { world: EMOJI_BENCH, tasks: ['reasoning'] });
      return table(
        ['held-out reasoning prompts', 'share', 'an example'],
        [
          ...FACT_KINDS.map((kind) => {
            const own = rows.filter((row) => factKindOf(row) === kind);
            return [`about ${kind}`, `${percent(own.length / rows.length)} %`, own[0]?.prompt ?? ''];
          }),
          ...[true, false].map((phrase) => {
            const own = rows.filter((row) => hasHeldOutPhrase(row) === phrase);
            return [
              phrase ? 'in words that no training prompt has' : 'in known words, of an unseen composition',
              `${percent(own.length / rows.length)} %`,
              own[0]?.prompt ?? '',
            ];
          }),
          [
            'in new words and an unseen composition',
            `${percent(rows.filter((row) => hasHeldOutPhrase(row) && isHeldOut(row)).length / rows.length)} %`,
            rows.find((row) => hasHeldOutPhrase(row) && isHeldOut(row))?.prompt ?? '',
          ],
        ],
      );
    },
    corpus: () => {
      const report = measureCorpus(20_000, 0, EMOJI_BENCH.noise, EMOJI_BENCH);
      return table(
        ['of the corpus', ...tasks],
        [
          [
            'pictures that do not show what the caption says',
            ...tasks.map((task) => percent(report.wrongByTask[task])),
          ],
        ],
      );
    },
    confusion: () =>
      table(
        [
          'kind',
          'right, accepted',
          'right, rejected',
          'wrong, accepted',
          'wrong, rejected',
          'precision',
          'recall',
        ],
        tasks.map((task) => {
          const confusion = confusionOf(task, SCENES, judge, atlas);
          const { accepted, missed, fooled, rejected } = confusion;
          return [
            task,
            ...[accepted, missed, fooled, rejected].map(String),
            precisionOf(confusion).toFixed(4),
            recallOf(confusion).toFixed(4),
          ];
        }),
      ),
    corruptions: () =>
      table(
        ['what is done to the picture of a right scene', 'a judge should', 'accepted, %'],
        CORRUPTIONS.map((corruption) => [
          corruption.name,
          corruption.harmless ? 'accept' : 'reject',
          percent(acceptanceOf(corruption, SCENES, judge, atlas)),
        ]),
      ),
  };
}
