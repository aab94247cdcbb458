import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import bicot from '../../package.json' with { type: 'json' };
import { WEBGPU_FOLDER } from '../support/start-backend.js';
import type { RunOptions } from './options.js';
import type { Machine } from './results.js';
import { findTorch } from './torch.js';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What a program prints, or nothing if it is not there or fails. */
export function output(command: string, args: readonly string[], cwd = ROOT): string | undefined {
  const { status, stdout } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  return status === 0 ? stdout.trim() : undefined;
}

/** All that results depend on. */
export function describeMachine({ commit }: RunOptions): Machine {
  const nvidia = nvidiaGpu();
  return {
    ...(nvidia && { nvidia }),
    webgpu: adapter(),
    cpu: cpus()[0]?.model ?? 'unknown CPU',
    cores: cpus().length,
    memoryGigabytes: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()} ${arch()}`,
    versions: versions(),
    commit: commit ?? repositoryCommit(),
  };
}

function nvidiaGpu(): Machine['nvidia'] {
  const fields = ['name', 'driver_version', 'memory.total'].join();
  const line = output('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader,nounits'])?.split(
    '\n',
  )[0];
  const [name, driver, memory] = line?.split(',').map((cell) => cell.trim()) ?? [];
  if (!name || !driver) return undefined;
  return { name, driver, memoryMegabytes: Number(memory) };
}

/** A process of its own, as Dawn's threads would keep this one alive. */
function adapter(): string {
  if (!existsSync(join(WEBGPU_FOLDER, 'node_modules', 'webgpu'))) return 'Dawn is not installed';
  const found = output(process.execPath, ['probe.mjs'], WEBGPU_FOLDER);
  if (!found || found === 'null') return 'Dawn finds no GPU';
  const { vendor, architecture, description, software } = JSON.parse(found) as Record<string, unknown>;
  return `${[vendor, architecture, description].filter(Boolean).join(', ')}${software ? ' (in software)' : ''}`;
}

function versions(): Record<string, string> {
  const found: Record<string, string> = {
    bicot: bicot.version,
    node: process.versions.node,
    tfjs: tf.version_core,
  };
  for (const name of ['webgpu', '@tensorflow/tfjs-backend-webgpu']) {
    const file = join(WEBGPU_FOLDER, 'node_modules', name, 'package.json');
    if (existsSync(file))
      found[name] = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  }
  return { ...found, ...findTorch().versions };
}

/** The commit, marked if it is not what is in the folder. */
function repositoryCommit(): string {
  const hash = output('git', ['rev-parse', '--short=12', 'HEAD']);
  if (!hash) return 'unknown';
  return output('git', ['status', '--porcelain', '--untracked-files=no']) ? `${hash}+` : hash;
}

/** Measures what the driver says the GPU holds. @returns ends it, and gives the most beyond the first reading, in megabytes */
export function watchDriver(): () => number | undefined {
  const readings: number[] = [];
  const args = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0', '--loop-ms=500'];
  const child = spawn('nvidia-smi', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  // Where it is not there, there is nothing to read.
  child.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    const used = Number(line);
    if (used >= 0) readings.push(used);
  });
  return () => {
    child.kill();
    const [before] = readings;
    return before === undefined ? undefined : Math.max(...readings) - before;
  };
}
