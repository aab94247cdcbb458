import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { packageVersion } from './version.js';

/** What runs on what, in words, by name. Call it when the backend runs. */
export function machineFacts(project = process.cwd()): Readonly<Record<string, string>> {
  const native = (tf.backend() as { readonly binding?: { readonly TF_Version?: string } }).binding
    ?.TF_Version;
  const dawn = installedVersion('webgpu', project);
  return {
    bicot: packageVersion(),
    'Node.js': process.versions.node,
    machine: `${platform()} ${arch()}, ${availableParallelism()} × ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    'TensorFlow.js': tf.version['tfjs-core'] as string,
    ...(native !== undefined && { TensorFlow: native }),
    ...('device' in tf.backend() && dawn !== undefined && { Dawn: `webgpu ${dawn}` }),
  };
}

/** The version of a package that a project has. */
function installedVersion(name: string, project: string): string | undefined {
  try {
    let folder = dirname(createRequire(join(resolve(project), 'noop.js')).resolve(name));
    for (; folder !== dirname(folder); folder = dirname(folder)) {
      const manifest = readManifest(join(folder, 'package.json'));
      if (manifest?.name === name) return manifest.version;
    }
  } catch {
    // Not installed there.
  }
  return undefined;
}

function readManifest(path: string): { readonly name?: string; readonly version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
  } catch {
    return undefined;
  }
}
