import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UsageError } from './usage.js';

/** In the package, beside this command; in the sources, among the examples. */
const PLACES = ['./demo/demo.js', '../../../examples/emoji/demo.ts'];

/**
 * `bicot demo`: trains a small model that comes with bicot on emoji scenes, in a few minutes, and shows before and after. Its
 * options are those of `npm run demo` (docs/demo.md).
 * @returns the exit status
 */
export async function demoCommand(args: readonly string[]): Promise<number> {
  const place = PLACES.map((path) => new URL(path, import.meta.url)).find((url) =>
    existsSync(fileURLToPath(url)),
  );
  if (place === undefined) throw new Error('The demo is missing from this copy of bicot.');
  // A program of its own: it reads its options itself.
  process.argv = [process.argv[0] as string, fileURLToPath(place), ...args];
  try {
    await import(place.href);
  } catch (error) {
    if (!/^ERR_PARSE_ARGS/.test(String((error as { code?: unknown }).code))) throw error;
    throw new UsageError(`bicot demo: ${(error as Error).message}. docs/demo.md lists the options.`, {
      cause: error,
    });
  }
  return Number(process.exitCode ?? 0);
}
