import { type RgbImage, tokenBatch } from 'bicot';
import type { PatchCodebook } from 'bicot/models';
import { type GridCell, imageGrid } from 'bicot/node';
import { ACCEPTED, REJECTED } from '../../emoji/pictures.js';
import { PICTURE } from '../../emoji/scene.js';
import { EMOJI_BENCH } from '../world.js';
import type { RunRecord, ShownSample } from './record.js';
import type { Runs } from './runs.js';
import { table, titleOf } from './tables.js';

/**
 * The prompts that the results show, of the first six of each kind: the first whose picture by a run the judge accepts, or the first
 * that it rejects.
 * @returns by kind; kinds without one have undefined
 */
export function shownPrompts(runs: Runs, record: RunRecord, accepted: boolean): (number | undefined)[] {
  return EMOJI_BENCH.tasks.map(
    (task) =>
      record.shown.find(
        (sample) => sample.accepted === accepted && runs.prompts[sample.promptIndex]?.task_type === task,
      )?.promptIndex,
  );
}

/** Stands where a kind has nothing to show. */
const NOTHING: GridCell = {
  image: { width: PICTURE, height: PICTURE, data: new Uint8Array(PICTURE * PICTURE * 3).fill(255) },
  frame: [255, 255, 255],
};

const sampleOf = (record: RunRecord, promptIndex: number | undefined): ShownSample | undefined =>
  record.shown.find((sample) => sample.promptIndex === promptIndex);

/** Pictures of the same prompts by the base and by BiCoT: above those that BiCoT's judge accepts, below those that it rejects. */
export async function resultsPicture(runs: Runs, codebook: PatchCodebook): Promise<RgbImage> {
  const [base] = runs.ofArm('base');
  const [trained] = runs.ofArm('bicot');
  if (!base || !trained) throw new Error('The pictures want a run of base and of bicot.');
  const shown = [true, false].flatMap((accepted) =>
    [base, trained].flatMap((record) =>
      shownPrompts(runs, trained, accepted).map((promptIndex) => ({
        record,
        sample: sampleOf(record, promptIndex),
      })),
    ),
  );
  const samples = shown.flatMap(({ sample }) => (sample ? [sample] : []));
  const images = await codebook.decode(tokenBatch(samples.map(({ tokens }) => Int32Array.from(tokens))));
  const cells = shown.map(({ record, sample }): GridCell => {
    if (!sample) return NOTHING;
    return {
      image: images[samples.indexOf(sample)] as RgbImage,
      caption: [
        runs.prompts[sample.promptIndex]?.prompt ?? '',
        `${record.arm === 'base' ? 'base' : titleOf(record.arm)}: ${sample.plan ?? ''}`,
      ],
      frame: sample.accepted ? ACCEPTED : REJECTED,
    };
  });
  return imageGrid(cells, { columns: EMOJI_BENCH.tasks.length, scale: 2 });
}

/** The same prompts as a table: what was planned, and what the judge said of the picture. */
export function planTable(runs: Runs): string {
  const [base] = runs.ofArm('base');
  const [trained] = runs.ofArm('bicot');
  if (!base || !trained) return '';
  const verdict = (sample?: ShownSample): string =>
    sample ? `\`${sample.plan ?? ''}\` ${sample.accepted ? '✓' : '✗'}` : '–';
  const rows = [true, false].flatMap((accepted) =>
    shownPrompts(runs, trained, accepted).flatMap((promptIndex) => {
      if (promptIndex === undefined) return [];
      const { task_type = '', prompt = '' } = runs.prompts[promptIndex] ?? {};
      const verdicts = [base, trained].map((record) => verdict(sampleOf(record, promptIndex)));
      return [[task_type, prompt, ...verdicts]];
    }),
  );
  return table(['kind', 'prompt', 'base: plan, and the judge of its picture', 'BiCoT'], rows, '---');
}
