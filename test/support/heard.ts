import type { ChildProcess } from 'node:child_process';

/** What a process says. */
export interface Heard {
  /** What it has said so far. */
  said(): string;
  /** Until it says so; throws if it ends without. */
  says(words: RegExp): Promise<void>;
}

/**
 * Listens to both streams of a process.
 * @param ended once it has ended
 * @param name of the process, for the error
 */
export function heard({ stdout, stderr }: ChildProcess, ended: Promise<unknown>, name: string): Heard {
  let text = '';
  const listeners = new Set<() => void>();
  for (const stream of [stdout, stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk;
      if (process.env.FLEET_LOUD) process.stderr.write(chunk);
      for (const listener of listeners) listener();
    });
  }
  return {
    said: () => text,
    says: (words) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!words.test(text)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        void ended.then(() => reject(new Error(`${name} ended without saying ${words}: ${text}`)));
        look();
      }),
  };
}
