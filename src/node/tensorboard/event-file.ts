import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { appendWhole } from '../run/append.js';
import { fileVersionEvent } from './event.js';
import { concat } from './protobuf.js';
import { tfRecord } from './tf-record.js';

/** What a file's name and its events' times are made of. */
export interface EventEnvironment {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly host: string;
  readonly pid: number;
}

/** A file of events that grows. */
export interface EventFile {
  /**
   * Writes events, and sees them onto the disk. The first call makes the file.
   * @throws BicotError `file`
   */
  add(events: readonly Uint8Array[]): Promise<void>;
}

/** Of this process: what makes names of files differ. */
let opened = 0;

/** A new file of a folder, named as TensorBoard's own writers do. */
export function eventFile(folder: string, environment: EventEnvironment, retries: number): EventFile {
  let path: string | undefined;
  let begun = false;
  return {
    async add(events) {
      path ??= join(folder, await nameOf(folder, environment));
      const all = begun ? events : [fileVersionEvent(environment.now() / 1000), ...events];
      await appendWhole(path, concat(all.map(tfRecord)), retries);
      begun = true;
    },
  };
}

/**
 * TensorBoard reads files in the order of their names, and what goes on must come after what was before, also within a second
 * or when the clock was put back.
 */
async function nameOf(folder: string, { now, host, pid }: EventEnvironment): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const times = names.map((name) => Number(/^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1] ?? 0));
  const latest = times.reduce((a, b) => Math.max(a, b), 0);
  const time = String(Math.max(Math.floor(now() / 1000), latest + 1)).padStart(10, '0');
  return `events.out.tfevents.${time}.${host}.${pid}.${opened++}`;
}
