/** What the checks in this folder have in common: one `ok` or `not ok` line each, and how commands are run. */
import { spawnSync } from 'node:child_process';

/** @throws Error with these words unless it holds */
export function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

/**
 * Runs a command to its end.
 * @returns all that it printed
 * @throws Error with that, if it fails
 */
export function command(folder, name, args, { env } = {}) {
  const { status, stdout, stderr, error } = spawnSync(name, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    ...(env && { env: { ...process.env, ...env } }),
  });
  if (error) throw error;
  expect(status === 0, `${name} ${args.join(' ')} gave ${status}:\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

/** Tells of the checks of one thing, whose name stands before theirs. */
export function teller(what) {
  let failed = 0;
  const say = (verdict, name, more) => {
    if (verdict === 'not ok') failed++;
    console.log(`${verdict} - ${what}: ${name}${more ? ` (${more})` : ''}`);
  };
  return {
    say,
    /** Runs a check; it throws, or returns something to say. Whether it held. */
    async check(name, run) {
      try {
        say('ok', name, await run());
        return true;
      } catch (error) {
        say('not ok', name, error instanceof Error ? error.message : String(error));
        return false;
      }
    },
    failed: () => failed,
  };
}
