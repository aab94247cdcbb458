import { type RgbImage, tokenBatch } from 'bicot';
import type { PatchCodebook } from 'bicot/models';
import { type GridCell, imageGrid } from 'bicot/node';
import { EMOJI_BENCH } from '../world.js';
import type { RunRecord, ShownSample } from './record.js';
import type { Runs } from './runs.js';
import { titleOf } from './tables.js';

const ACCEPTED = [46, 160, 67] as const;
const REJECTED = [207, 34, 46] as const;

/**
 * The prompts that the results show, of the first six of each kind: the first whose picture by the first run of an arm the judge
 * accepts, and the first that it rejects. Kinds without one lack it.
 */
export function shownPrompts(runs: Runs, record: RunRecord, accepted: boolean): number[] {
  return EMOJI_BENCH.tasks.flatMap((task) =>
    record.shown
      .filter(
        (sample) => sample.accepted === accepted && runs.prompts[sample.promptIndex]?.task_type === task,
      )
      .slice(0, 1)
      .map(({ promptIndex }) => promptIndex),
  );
}

const sampleOf = (record: RunRecord, promptIndex: number): ShownSample | undefined =>
  record.shown.find((sample) => sample.promptIndex === promptIndex);

/** Pictures of the same prompts by the base and by BiCoT: above those that BiCoT's judge accepts, below those that it rejects. */
export async function resultsPicture(runs: Runs, codebook: PatchCodebook): Promise<RgbImage> {
  const [base] = runs.ofArm('base');
  const [trained] = runs.ofArm('bicot');
  if (!base || !trained) throw new Error('The pictures want a run of base and of bicot.');
  const shown = [true, false].flatMap((accepted) =>
    [base, trained].flatMap((record) =>
      shownPrompts(runs, trained, accepted).flatMap((promptIndex) => {
        const sample = sampleOf(record, promptIndex);
        return sample ? [{ record, sample }] : [];
      }),
    ),
  );
  const images = await codebook.decode(tokenBatch(shown.map(({ sample }) => Int32Array.from(sample.tokens))));
  const cells = shown.map(
    ({ record, sample }, i): GridCell => ({
      image: images[i] as RgbImage,
      caption: [
        runs.prompts[sample.promptIndex]?.prompt ?? '',
        `${record.arm === 'base' ? 'base' : titleOf(record.arm)}: ${sample.plan ?? ''}`,
      ],
      frame: sample.accepted ? ACCEPTED : REJECTED,
    }),
  );
  return imageGrid(cells, { columns: shownPrompts(runs, trained, true).length, scale: 2 });
}

/** The same prompts as a table: what was planned, and what the judge said of the picture. */
export function planTable(runs: Runs): string {
  const [base] = runs.ofArm('base');
  const [trained] = runs.ofArm('bicot');
  if (!base || !trained) return '';
  const verdict = (sample?: ShownSample): string =>
    sample ? `\`${sample.plan ?? ''}\` ${sample.accepted ? '✓' : '✗'}` : '–';
  const rows = [true, false].flatMap((accepted) =>
    shownPrompts(runs, trained, accepted).map((promptIndex) => [
      runs.prompts[promptIndex]?.task_type ?? '',
      runs.prompts[promptIndex]?.prompt ?? '',
      verdict(sampleOf(base, promptIndex)),
      verdict(sampleOf(trained, promptIndex)),
    ]),
  );
  return [
    '| kind | prompt | base: plan, and the judge of its picture | BiCoT |',
    '| --- | --- | --- | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}
