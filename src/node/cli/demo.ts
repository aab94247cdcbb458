import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UsageError } from './usage.js';

/** In the package; in the sources, among the examples. */
const PLACES = ['../../demo/demo.js', '../../../examples/emoji/demo.ts'];

const HELP = `usage: bicot demo [options]

Trains a small model that comes with bicot on emoji scenes, in a few minutes, and shows before and after.

  --out DIR          default: runs/demo
  --steps N          of training; default: the demo's
  --eval-prompts N   held-out prompts of each evaluation
  --lr X             the highest learning rate
  --seed N           of prompts, samples and everything else; default 0
  --prompts FILE     JSON Lines in T2I-R1's row format; default: prompts of this world
  --rewards LIST     what is trained on, as detector,quality=0.5; default: the demo's four
  --shuffle-rewards  rewards of other samples: nothing should be learnt
  --backend NAME     node-gpu, webgpu, node, wasm or cpu; default: the best installed
  --project DIR      where the packages of the first three are installed; default: here
  --software         a WebGPU in software will do
  --workers N        threads that sample and train; any number gives the same result
  --base DIR         where the base model is; default: the one that comes with bicot
  --help             this text

Exit status: 0 done, 1 an error, 2 not understood.`;

/**
 * `bicot demo`: trains a small model that comes with bicot on emoji scenes, in a few minutes, and shows before and after. Its
 * options are those of `npm run demo` (docs/demo.md).
 * @returns the exit status
 */
export async function demoCommand(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return 0;
  }
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
    throw new UsageError(
      `bicot demo: ${(error as Error).message}. \`npx bicot demo --help\` lists the options.`,
      {
        cause: error,
      },
    );
  }
  return Number(process.exitCode ?? 0);
}
