/** Seconds as people read them, for lines of progress: `m:ss`, or `h:mm:ss`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number): string => String(n).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** A bar of so many characters. */
export function bar(share: number, width = 20): string {
  const full = Math.round(width * Math.min(1, Math.max(0, share)));
  return '█'.repeat(full) + '░'.repeat(width - full);
}

/** Where a command says how far it is. */
export interface ProgressOutput {
  /** Whether there is a line that is rewritten. */
  readonly live: boolean;
  /** A line that is rewritten; on terminals only. */
  update(line: string): void;
  /** A line that stays. */
  print(line: string): void;
  /** Takes the rewritten line away, before something else writes. */
  clear(): void;
  /** An object for machines; with `--json` only. */
  emit(object: object): void;
}

/** A stream such as `process.stdout`. */
export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * Lines for people, or with `json` one object a line for machines.
 * @param stream a terminal gets lines that are rewritten; anything else plain lines, without control characters
 */
export function progressOutput(stream: OutputStream, { json = false } = {}): ProgressOutput {
  const live = stream.isTTY === true && !json;
  const clear = live ? '\r\u001b[2K' : '';
  return {
    live,
    update(line) {
      // A line that is too long for the terminal could not be taken back.
      if (live) stream.write(clear + line.slice(0, (stream.columns ?? 80) - 1));
    },
    print(line) {
      if (!json) stream.write(`${clear}${line}\n`);
    },
    clear() {
      if (live) stream.write(clear);
    },
    emit(object) {
      if (json) stream.write(`${JSON.stringify(object)}\n`);
    },
  };
}
