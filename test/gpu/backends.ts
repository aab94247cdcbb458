import type { RunOptions } from './options.js';
import { type Deadline, nodeProgram, runProgram } from './program.js';

/** A backend that starts. */
export interface FoundBackend {
  readonly name: string;
  readonly description: string;
}

/** Backends that were asked for, or those of a GPU that start; each is tried in a process of its own. */
export async function findBackends(options: RunOptions, deadline: Deadline): Promise<FoundBackend[]> {
  const asked = options.backends.length > 0;
  const found: FoundBackend[] = [];
  for (const name of asked ? options.backends : ['webgpu', 'node-gpu']) {
    let said = '';
    const onLine = (line: string): void => {
      said = line;
    };
    const program = nodeProgram(new URL('./probe.ts', import.meta.url), [
      name,
      JSON.stringify(options.start),
    ]);
    const { failed } = await runProgram(...program, { deadline, onLine });
    const { description, error } = JSON.parse(said || '{}') as { description?: string; error?: string };
    if (description) found.push({ name, description });
    else console.log(`${name} does not start: ${error ?? failed ?? 'it said nothing'}`);
  }
  return found;
}
