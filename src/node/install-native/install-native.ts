import { BicotError } from '../../errors.js';
import { buildAddon, isLinked } from './build-addon.js';
import { checkMachine } from './check-machine.js';
import { checkTools } from './check-tools.js';
import { findPackage } from './find-package.js';
import { ensurePackage } from './npm-package.js';
import { type Probe, probe } from './probe.js';
import { type InstallNativeOptions, type Settings, settle } from './settings.js';
import { createUndo } from './undo.js';
import { unpackWheel } from './unpack-wheel.js';

/** What is installed now. */
export interface InstalledNative {
  /** False if all was there already. */
  readonly changed: boolean;
  /** TensorFlow's, as the addon says it. */
  readonly version: string;
  /** True if TensorFlow found a GPU. */
  readonly gpu: boolean;
  /** The name for `selectBackend`. */
  readonly backend: 'node' | 'node-gpu';
  /** Where CUDA's libraries are, with `gpu`: for LD_LIBRARY_PATH, where TensorFlow does not find them by itself. */
  readonly home: string;
}

/**
 * Builds TensorFlow.js's native addon against the C library in a Python wheel of TensorFlow, which is current and, other
 * than the library that the npm package downloads, comes from a package index. Does nothing if that has been done. What
 * fails is taken back: the project is as it was before.
 * @throws BicotError `value` for a wrong option, `unsupported` for a machine or tools that cannot do it, `backend` for a step
 *   that failed, `aborted`
 */
export async function installNative(options: InstallNativeOptions = {}): Promise<InstalledNative> {
  const settings = settle(options);
  checkMachine(settings.gpu);
  const present = settings.force ? undefined : await presentInstallation(settings);
  if (present) return describe(settings, present, false);

  const tools = await checkTools(settings);
  const undo = createUndo();
  try {
    await unpackWheel(settings, tools, undo);
    const folder = await ensurePackage(settings, tools, undo);
    const forgetFormer = await buildAddon(settings, tools, folder, undo);
    const result = await probe(settings);
    if (!result.works) {
      throw new BicotError(
        'backend',
        `install-native: the addon was built, but does not work. The lines below say why.\n${result.log}`,
      );
    }
    await forgetFormer();
    return describe(settings, result, true);
  } catch (error) {
    settings.report('Taking back what was done.');
    const failures = await undo.run();
    for (const failure of failures) settings.report(`Could not be taken back: ${failure}`);
    throw error;
  }
}

type Working = Extract<Probe, { works: true }>;

/** What works already, if it is what is wanted. */
async function presentInstallation(settings: Settings): Promise<Working | undefined> {
  const folder = findPackage(settings.project, settings.npmPackage);
  if (folder === undefined || !isLinked(folder, settings)) return undefined;
  const result = await probe(settings);
  return result.works ? result : undefined;
}

function describe(
  { npmPackage, home }: Settings,
  { version, gpu }: Working,
  changed: boolean,
): InstalledNative {
  const backend = npmPackage === '@tensorflow/tfjs-node' ? 'node' : 'node-gpu';
  return { changed, version, gpu, backend, home };
}
