import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WEBGPU_FOLDER } from '../../support/start-backend.js';
import type { FoundBackend } from '../backends.js';
import { ROOT } from '../machine.js';
import type { BenchOptions } from '../options.js';
import { type Deadline, nodeProgram, runProgram } from '../program.js';
import { now, type ResultsFile } from '../results.js';

/** The whole demo on each backend, as a user runs it. */
export async function benchDemo(
  { out, start, demoSteps }: BenchOptions,
  backends: readonly FoundBackend[],
  results: ResultsFile,
  deadline: Deadline,
  command: string,
): Promise<void> {
  for (const { name, description } of backends) {
    const folder = resolve(out, `demo-${name}`);
    mkdirSync(folder, { recursive: true });
    // One process drives a GPU; with few steps, few pictures are judged, too.
    const args = ['--backend', name, '--workers', '0', '--out', folder];
    if (demoSteps !== undefined) args.push('--steps', String(demoSteps), '--eval-prompts', '2');
    const [date, began] = [now(), performance.now()];
    const { failed } = await runProgram(
      ...nodeProgram(new URL('../../../examples/emoji/demo.ts', import.meta.url), args),
      {
        deadline,
        // Packages of a backend are looked up where the program is started.
        cwd: name === 'webgpu' ? WEBGPU_FOLDER : (start.project ?? ROOT),
        env: {
          TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'),
          ...(start.software && { BICOT_ALLOW_SOFTWARE: '1' }),
        },
        onLine: (line) => console.log(`demo, ${name}: ${line}`),
      },
    );
    const file = join(folder, 'result.json');
    const result: unknown =
      failed === undefined && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    const seconds = (performance.now() - began) / 1000;
    results.put({
      ...{ part: 'demo', backend: name, where: description, date, command, seconds },
      ...(result !== undefined && { result }),
      ...(failed && { failed }),
    });
    if (failed) console.log(`demo, ${name}: ${failed}`);
  }
}
