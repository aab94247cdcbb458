import { resolve } from 'node:path';
import type { BackendCheckKind } from '../../conformance/backend/backend-case.js';
import { type BackendProgress, checkBackend } from '../../conformance/backend/check-backend.js';
import { BicotError, reasonOf } from '../../errors.js';
import { type BackendName, selectBackend } from '../backend.js';
import { writeFileAtomic } from '../files.js';
import { type DoctorResult, doctorTable, encodeDoctorResult } from './doctor-report.js';
import { machineFacts } from './machine.js';
import { parseOptions } from './usage.js';

const HELP = `usage: bicot doctor [options]

Starts a backend and examines it: every operation that bicot uses, forward and backward, its kernels, the sampler, losses,
decoders and a training step, beside float64 or TensorFlow.js's plain cpu backend. Exit status 0 if all is well, 1 if not.

  --backend NAME   node-gpu, webgpu, node, wasm or cpu; default: the best installed
  --software       allow a WebGPU adapter in software (a few minutes)
  --project DIR    where packages are looked up; default: the working directory
  --kinds LIST     only these kinds of checks, e.g. op,gradient,kernel
  --all            print every check, and not only what is wrong
  --json FILE      write the results
  --help           this text`;

/**
 * `bicot doctor`
 * @returns the exit status: 0 if the backend computes what it should, else 1
 * @throws BicotError `backend` if the backend does not start; `value` for kinds that do not exist; UsageError
 */
export async function doctorCommand(args: readonly string[]): Promise<number> {
  const options = parseOptions('doctor', args, {
    backend: { type: 'string' },
    software: { type: 'boolean' },
    project: { type: 'string' },
    kinds: { type: 'string' },
    all: { type: 'boolean' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const { name, description } = await selectBackend(options.backend as BackendName | undefined, {
    ...(options.project !== undefined && { projectFolder: options.project }),
    ...(options.software && { allowSoftware: true }),
  });
  const facts = machineFacts(options.project);
  for (const [what, value] of Object.entries(facts)) console.log(`${what.padEnd(13)} ${value}`);
  console.log(`${name.padEnd(13)} ${description}\n`);

  const started = performance.now();
  const report = await checkBackend({
    ...(options.kinds !== undefined && { kinds: options.kinds.split(',') as BackendCheckKind[] }),
    onProgress: progressLine(),
  });
  const result: DoctorResult = {
    ...{ date: new Date().toISOString().slice(0, 10), name, description, facts },
    ...{ seconds: Math.round((performance.now() - started) / 1000), report },
  };
  console.log(doctorTable(result, options.all === true));
  if (options.json !== undefined) await write(resolve(options.json), encodeDoctorResult(result));
  return report.passed ? 0 : 1;
}

async function write(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, text).catch((cause: unknown) => {
    const reason = reasonOf(cause);
    throw new BicotError(
      'value',
      `bicot doctor: --json can't be written (${reason}). Name a file in a folder that exists.`,
      {
        cause,
      },
    );
  });
}

/** Shows how far it is: on a terminal in one line, elsewhere now and then. */
function progressLine(): (progress: BackendProgress) => void {
  const { stderr } = process;
  return ({ done, total, check }) => {
    if (stderr.isTTY) {
      const line = done === total ? '' : `${done}/${total}  ${check.check}`;
      stderr.write(`\r\x1b[K${line.slice(0, (stderr.columns ?? 80) - 1)}`);
    } else if (done % 100 === 0) stderr.write(`${done} of ${total} checks\n`);
  };
}
