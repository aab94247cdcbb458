import { fileURLToPath } from 'node:url';
import { type BackendName, selectBackend } from 'bicot/node';

/** Where Dawn and TensorFlow.js's backend for it are installed. */
export const WEBGPU_FOLDER = fileURLToPath(new URL('../packages/webgpu', import.meta.url));

/** How a backend is started. */
export interface StartOptions {
  /** Whether a WebGPU adapter in software will do. Default false. */
  readonly software?: boolean;
  /** The folder whose `node_modules` has the backend's package. Default: where this project installs it. */
  readonly project?: string;
}

/** Starts a backend in this process. @returns what it is, for people */
export async function startBackend(
  name: string,
  { software = false, project }: StartOptions = {},
): Promise<string> {
  if (name === 'webgpu') {
    await import(`${WEBGPU_FOLDER}/setup.mjs`);
    void software;
    return 'WebGPU through Dawn';
  }
  const { description } = await selectBackend(name as BackendName, project ? { projectFolder: project } : {});
  return description;
}
