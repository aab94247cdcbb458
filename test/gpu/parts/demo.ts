import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WEBGPU_FOLDER } from '../../support/start-backend.js';
import type { FoundBackend } from '../backends.js';
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
    const project = start.project ?? (name === 'webgpu' ? WEBGPU_FOLDER : undefined);
    const args = ['--backend', name, '--out', folder];
    if (project !== undefined) args.push('--project', project);
    if (start.software) args.push('--software');
    // With few steps, few pictures are judged, too.
    if (demoSteps !== undefined) args.push('--steps', String(demoSteps), '--eval-prompts', '2');
    const [date, began] = [now(), performance.now()];
    const { failed } = await runProgram(
      ...nodeProgram(new URL('../../../examples/emoji/demo.ts', import.meta.url), args),
      {
        deadline,
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
