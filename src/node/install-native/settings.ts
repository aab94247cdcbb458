import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { BicotError } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import type { Environment } from './run-program.js';

/** The release of TensorFlow that bicot is tested with. */
export const DEFAULT_TENSORFLOW = '2.21.0';

/** What can be asked of {@link installNative}. */
export interface InstallNativeOptions {
  /** The npm project to install into. Default: the working directory. */
  readonly project?: string;
  /** The Python that has pip. Default: `PYTHON` of the environment, else `python3`. */
  readonly python?: string;
  /** A wheel file to unpack. Default: one that pip downloads. */
  readonly wheel?: string;
  /** Where wheels are unpacked, for all projects. Default `bicot` in `XDG_CACHE_HOME`, else in `~/.cache`. */
  readonly cache?: string;
  /** The release of TensorFlow. Default {@link DEFAULT_TENSORFLOW}. */
  readonly tf?: string;
  /** With CUDA 12. Default false. */
  readonly gpu?: boolean;
  /** Build again even if all is there. Default false. */
  readonly force?: boolean;
  /** Gets one line for each step. Default: nobody does. */
  readonly report?: (line: string) => void;
  /** Stops the installation, which then takes back what it did. */
  readonly signal?: AbortSignal;
  /** Environment variables, for this and all programs that run. Default: the process's own. */
  readonly environment?: Environment;
}

/** The options with everything decided; paths are absolute. */
export interface Settings {
  readonly project: string;
  readonly python: string;
  readonly wheel: string | undefined;
  readonly cache: string;
  readonly gpu: boolean;
  readonly force: boolean;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal | undefined;
  readonly environment: Environment;
  /** The release of TensorFlow. */
  readonly version: string;
  /** TensorFlow's name on PyPI: the wheel with CUDA or the one without. */
  readonly distribution: 'tensorflow' | 'tensorflow-cpu';
  /** The npm package whose addon is built: the one that `selectBackend` looks for. */
  readonly npmPackage: '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu';
  /** The folder of the unpacked wheel. */
  readonly home: string;
}

const OPTIONS: readonly (keyof InstallNativeOptions)[] = [
  'project',
  'python',
  'wheel',
  'cache',
  'tf',
  'gpu',
  'force',
  'report',
  'signal',
  'environment',
];

/**
 * Decides what was left open and checks what was said, before anything is touched.
 * @throws BicotError `value` for an option, a folder or a file that is not what it has to be
 */
export function settle(options: InstallNativeOptions): Settings {
  assertKnownOptions('install-native', options, OPTIONS);
  const environment = options.environment ?? process.env;
  const gpu = options.gpu ?? false;
  const distribution = gpu ? 'tensorflow' : 'tensorflow-cpu';
  const cache = resolve(options.cache ?? join(cacheFolder(environment), 'bicot'));
  const version =
    options.wheel === undefined
      ? checkedVersion(options.tf ?? DEFAULT_TENSORFLOW)
      : versionOf(options.wheel, distribution, options);
  return {
    project: checkedProject(resolve(options.project ?? '.')),
    python: options.python ?? (environment.PYTHON || 'python3'),
    wheel: options.wheel && resolve(options.wheel),
    cache,
    gpu,
    force: options.force ?? false,
    report: options.report ?? (() => {}),
    signal: options.signal,
    environment,
    version,
    distribution,
    npmPackage: gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node',
    home: join(cache, `${distribution}-${version}`),
  };
}

function cacheFolder(environment: Environment): string {
  return environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), '.cache');
}

function checkedVersion(version: string): string {
  if (/^\d+\.\d+\.\d+(rc\d+)?$/.test(version)) return version;
  throw new BicotError(
    'value',
    `install-native: the TensorFlow release is '${version}', but must look like ${DEFAULT_TENSORFLOW}. Correct --tf.`,
  );
}

/** A wheel says its name and version in the name of its file. */
function versionOf(wheel: string, distribution: string, { tf, gpu }: InstallNativeOptions): string {
  if (tf !== undefined) {
    throw new BicotError(
      'value',
      'install-native: --wheel and --tf were both given, and a wheel has its own version. Drop one of them.',
    );
  }
  if (!existsSync(wheel)) {
    throw new BicotError('value', `install-native: there is no file ${wheel}. Correct --wheel.`);
  }
  const [name, version] = basename(wheel).split('-');
  if (!wheel.endsWith('.whl') || version === undefined || name !== distribution.replace('-', '_')) {
    throw new BicotError(
      'value',
      `install-native: ${basename(wheel)} is not a wheel of ${distribution}, which ${gpu ? '--gpu' : 'the CPU'} needs. Pass a file like ${distribution.replace('-', '_')}-${DEFAULT_TENSORFLOW}-….whl${gpu ? '' : ', or --gpu for one with CUDA'}.`,
    );
  }
  return checkedVersion(version);
}

function checkedProject(project: string): string {
  if (!existsSync(project) || !statSync(project).isDirectory()) {
    throw new BicotError('value', `install-native: there is no folder ${project}. Correct --project.`);
  }
  if (!existsSync(join(project, 'package.json'))) {
    throw new BicotError(
      'value',
      `install-native: ${project} has no package.json, so it is no npm project. Run \`npm init -y\` there, or pass --project.`,
    );
  }
  if (/\s/.test(project)) {
    throw new BicotError(
      'value',
      `install-native: the path '${project}' has a space in it, and node-gyp cannot build there. Move the project.`,
    );
  }
  return project;
}
