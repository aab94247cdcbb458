import type { StepMetrics } from '../../../train/metrics.js';
import type { TrainProgress } from '../../../train/options.js';
import { bar, clock, type ProgressOutput } from './progress.js';

/** Says how far a training is. */
export interface StepLines {
  /** For `train({ onProgress })`. */
  during(progress: Pick<TrainProgress, 'step' | 'phase'>): void;
  /** To be told of every step that is made. */
  after(metrics: StepMetrics): void;
}

/**
 * On a terminal one line that is rewritten: a bar, the step, its phase, the last reward, the time left. Elsewhere a line, or with
 * `--json` an object, for every step.
 * @param steps of the whole run; one that goes on begins later
 * @param now milliseconds
 */
export function stepLines(steps: number, output: ProgressOutput, now = () => performance.now()): StepLines {
  const start = now();
  let made = 0;
  let last: StepMetrics | undefined;

  /** Of the steps of this process, which are the only ones whose time is known. */
  const left = (step: number): string => clock(((now() - start) / 1000 / made) * (steps - step - 1));

  return {
    during({ step, phase }) {
      const known = last && `reward ${last.reward.mean.toFixed(4)}  ${left(last.step)} left`;
      output.update(
        [`${bar(step / steps, 12)} step ${step + 1}/${steps}`, known, `${phase} …`]
          .filter(Boolean)
          .join('  '),
      );
    },
    after(metrics) {
      made++;
      last = metrics;
      const { step, reward, levels, gradNorm, seconds } = metrics;
      const kl = Object.entries(levels).map(([name, level]) => `${name} ${level.kl.toPrecision(2)}`);
      const done = `step ${step + 1}/${steps} ${bar((step + 1) / steps, 12)}`;
      const mean = `reward ${reward.mean.toFixed(4)} ± ${reward.std.toFixed(4)}`;
      const line = `${done} ${mean}  KL ${kl.join(', ')}  |g| ${gradNorm.toPrecision(3)}  ${seconds.total.toFixed(1)} s, ${left(step)} left`;
      // On a terminal the next phase's line says it.
      if (!output.live) output.print(line);
      output.emit({ event: 'step', ...metrics });
    },
  };
}
