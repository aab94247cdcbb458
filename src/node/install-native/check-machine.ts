import { arch, platform } from 'node:process';
import { BicotError } from '../../errors.js';

/** What matters of the machine. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** The release of glibc that Node runs on; undefined on musl and other systems. */
  readonly glibc: string | undefined;
}

/** The oldest glibc that TensorFlow's wheels run on, as their names say (`manylinux_2_27`). */
const OLDEST_GLIBC = '2.27';

/** This machine. */
export function thisMachine(): Machine {
  const { header } = process.report.getReport() as unknown as {
    readonly header: { readonly glibcVersionRuntime?: string };
  };
  return { platform, arch, glibc: header.glibcVersionRuntime };
}

/**
 * Throws where there is no wheel that could run.
 * @throws BicotError `unsupported`
 */
export function checkMachine(gpu: boolean, machine: Machine = thisMachine()): void {
  const refuse = (message: string): never => {
    throw new BicotError('unsupported', `install-native: ${message}`);
  };
  if (machine.platform !== 'linux') {
    refuse(
      `this is ${machine.platform}, and only Linux is supported. Use \`npm install @tensorflow/tfjs-node\`, or the 'wasm' backend, which needs no installation.`,
    );
  }
  if (machine.glibc === undefined || older(machine.glibc, OLDEST_GLIBC)) {
    refuse(
      `TensorFlow's wheels need glibc ${OLDEST_GLIBC} or newer, and this system has ${machine.glibc ?? 'none (Alpine, with musl?)'}. Use a newer Debian, Ubuntu or Fedora, or the 'wasm' backend.`,
    );
  }
  if (gpu && machine.arch !== 'x64') {
    refuse(
      `TensorFlow's wheels have CUDA on x86-64 only, and this machine is ${machine.arch}. Leave out --gpu.`,
    );
  }
}

function older(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = than.split('.').map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
