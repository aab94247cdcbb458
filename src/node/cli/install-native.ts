import { type InstalledNative, installNative } from '../install-native/install-native.js';
import { DEFAULT_TENSORFLOW } from '../install-native/settings.js';
import { parseOptions } from './usage.js';

const HELP = `usage: bicot install-native [options]

Builds TensorFlow.js's native addon against a Python wheel of TensorFlow, so that selectBackend('node') runs on
current CPUs and, with --gpu, selectBackend('node-gpu') on CUDA 12. Linux only. Does nothing if that was done before;
what fails is taken back.

  --gpu              the wheel with CUDA, and its libraries (several GB; not yet run on a GPU)
  --tf VERSION       the release of TensorFlow (default ${DEFAULT_TENSORFLOW})
  --project DIR      the npm project (default: the working directory)
  --python PROGRAM   a Python that has pip (default: $PYTHON, else python3)
  --wheel FILE       a wheel to unpack, instead of one that pip downloads
  --cache DIR        where wheels are unpacked (default: \${XDG_CACHE_HOME:-~/.cache}/bicot)
  --force            build again even if all is there
  --help             this text

Needs npm, python3 with pip, g++ and make (Debian, Ubuntu: apt install build-essential python3 python3-pip), and 1.2 GB
on the disk. pip's own settings hold: PIP_INDEX_URL, pip.conf, …`;

const UNTESTED = `The authors of bicot have not run --gpu on a GPU. What was checked: that the addon has no CUDA code of its own and computes on
the last GPU that TensorFlow lists; and that all is installed, linked, built and loaded, with the CPU's wheel and
empty libraries in the places of CUDA's. Please report how it goes.`;

/**
 * `bicot install-native`
 * @returns the exit status
 * @throws BicotError as `installNative`; UsageError
 */
export async function installNativeCommand(args: readonly string[]): Promise<number> {
  const { help, ...options } = parseOptions('install-native', args, {
    gpu: { type: 'boolean' },
    tf: { type: 'string' },
    project: { type: 'string' },
    python: { type: 'string' },
    wheel: { type: 'string' },
    cache: { type: 'string' },
    force: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (help) {
    console.log(HELP);
    return 0;
  }
  if (options.gpu) console.log(UNTESTED);
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, abort);
  try {
    report(
      await installNative({ ...options, signal: stop.signal, report: (line) => console.log(line) }),
      options.gpu === true,
    );
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, abort);
  }
  return 0;
}

function report({ changed, version, gpu, backend, home }: InstalledNative, wantsGpu: boolean): void {
  const done = changed ? 'Done' : 'Nothing to do';
  if (gpu || !wantsGpu) {
    console.log(
      `${done}: selectBackend('${backend}') runs TensorFlow ${version} on the ${gpu ? 'GPU' : 'CPU'}.`,
    );
    return;
  }
  console.log(
    `${done}: TensorFlow ${version} is there, but found no GPU. Check that nvidia-smi lists one. If TensorFlow misses libraries (TF_CPP_MIN_LOG_LEVEL=0 shows it), start Node with\n  export LD_LIBRARY_PATH=$(printf '%s:' ${home}/nvidia/*/lib)`,
  );
}
