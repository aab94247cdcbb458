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
  const projectFolder = project ?? (name === 'webgpu' ? WEBGPU_FOLDER : undefined);
  const options = { allowSoftware: software, ...(projectFolder !== undefined && { projectFolder }) };
  return (await selectBackend(name as BackendName, options)).description;
}
