/** Seconds as `m:ss`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

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

/** A table with a row per task: judge and trained reward, before and after. */
export function beforeAfterTable(
  before: {
    judge: number;
    overall: number;
    judgeByTask: Readonly<Record<string, number>>;
    byTask: Readonly<Record<string, number>>;
  },
  after: typeof before,
): string {
  const line = (name: string, values: readonly number[]): string => {
    const [judge0 = 0, judge1 = 0, reward0 = 0, reward1 = 0] = values;
    const change = (a: number, b: number) => `${b - a >= 0 ? '+' : ''}${(b - a).toFixed(1)}`.padStart(7);
    const cell = (value: number) => value.toFixed(1).padStart(7);
    return `${name.padEnd(10)} ${cell(judge0)} ${cell(judge1)} ${change(judge0, judge1)}   ${cell(reward0)} ${cell(reward1)} ${change(reward0, reward1)}`;
  };
  const tasks = Object.keys(before.byTask);
  return [
    '             held-out judge           trained reward',
    'task        before   after  change    before   after  change',
    ...tasks.map((task) =>
      line(task, [
        before.judgeByTask[task] ?? 0,
        after.judgeByTask[task] ?? 0,
        before.byTask[task] ?? 0,
        after.byTask[task] ?? 0,
      ]),
    ),
    line('all', [before.judge, after.judge, before.overall, after.overall]),
  ].join('\n');
}
