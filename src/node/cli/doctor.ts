import { type BackendName, selectBackend } from '../backend.js';
import { parseOptions } from './usage.js';

const HELP = `usage: bicot doctor [--backend NAME]

Starts a backend and says what runs.

  --backend NAME   node-gpu, webgpu, node, wasm or cpu; default: the best installed
  --help           this text`;

/**
 * `bicot doctor`
 * @returns the exit status
 * @throws BicotError `backend` if the backend does not start
 */
export async function doctorCommand(args: readonly string[]): Promise<number> {
  const { backend, help } = parseOptions('doctor', args, {
    backend: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (help) {
    console.log(HELP);
    return 0;
  }
  const { name, description } = await selectBackend(backend as BackendName | undefined);
  console.log(`${name}: ${description}`);
  return 0;
}
