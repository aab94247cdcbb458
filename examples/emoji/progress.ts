import type { ComparisonRow, EvaluationComparison } from 'bicot';
import { TASK_TYPES } from './forms.js';

/** One line that is rewritten in a terminal; elsewhere only the lines that matter are printed. */
export interface ProgressLine {
  /** Shown in a terminal only. */
  update(text: string): void;
  /** Always printed, on a line of its own. */
  print(text: string): void;
}

/** Writes to a stream such as `process.stdout`. */
export function progressLine(stream: { isTTY?: boolean; write(text: string): unknown }): ProgressLine {
  const clear = stream.isTTY ? '\r\u001b[2K' : '';
  return {
    update(text) {
      if (stream.isTTY) stream.write(clear + text);
    },
    print(text) {
      stream.write(`${clear}${text}\n`);
    },
  };
}

/**
 * A table with a row per task: judge and trained reward, before and after, in percent; of the change, the 95 % interval
 * over prompts, and for the judge whether it could be chance.
 * @param comparison of `emojiMeasures` by task
 */
export function beforeAfterTable({ rows }: EvaluationComparison): string {
  const rowOf = (measure: string, type: string | null) =>
    rows.find((row) => row.measure === measure && row.type === type);
  const number = (value: number): string => (100 * value).toFixed(1);
  const signed = (value: number): string => `${value >= 0 ? '+' : ''}${number(value)}`;
  const cells = ({ a, b, difference, low, high }: ComparisonRow): string =>
    `${number(a).padStart(7)} ${number(b).padStart(7)} ${signed(difference).padStart(7)} ` +
    (Number.isNaN(low) ? '–' : `${signed(low)} to ${signed(high)}`).padStart(15);
  const lines = [...TASK_TYPES, null].flatMap((task) => {
    const [judge, reward] = [rowOf('judge', task), rowOf('reward', task)];
    if (!judge || !reward) return [];
    return [`${(task ?? 'all').padEnd(10)} ${cells(judge)}  ${judge.pHolm.toFixed(4)}  ${cells(reward)}`];
  });
  const prompts = rowOf('judge', null)?.prompts;
  return [
    '             held-out judge                                  trained reward',
    'task        before   after  change   95 % interval  p        before   after  change   95 % interval',
    ...lines,
    `Intervals of the change: bootstrap over ${prompts} prompts, before and after paired. p: sign flips; of tasks, after Holm.`,
  ].join('\n');
}
