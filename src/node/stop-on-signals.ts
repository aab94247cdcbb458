/** What a program is stopped with from outside, and what it does. */
export interface StopOnSignals {
  /** Aborted by the first SIGINT (Ctrl-C) or SIGTERM. For `train({ signal })`, `evaluate({ signal })`. */
  readonly signal: AbortSignal;
  /** Signals do again what they did before. To be called in the end. */
  release(): void;
}

/** The exit status of a program that was stopped by Ctrl-C, as shells give it. */
export const INTERRUPTED = 130;

/**
 * Lets a run end well: the first signal aborts it, after which `train` saves; the second ends the program at once.
 * @param say told what the first signal does. Default: a line on the standard error stream
 */
export function stopOnSignals(
  say: (line: string) => void = (line) => void process.stderr.write(`\n${line}\n`),
): StopOnSignals {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    say('Stopping: what was trained is saved first. Once more ends at once.');
    controller.abort();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, stop);
  return {
    signal: controller.signal,
    release() {
      for (const name of signals) process.off(name, stop);
    },
  };
}
