import { isBicotError } from '../../errors.js';
import { checkpointError } from '../../models/checkpoints/failure.js';
import type { CheckpointFolder } from '../../models/checkpoints/folder.js';
import { sha256 } from '../../sha256.js';
import type { Coefficients } from '../coefficients.js';
import type { MonitorState } from '../monitor/monitor.js';
import type { RunIdentity } from './identity.js';
import { Mismatch } from './mismatch.js';

/** Tensors in a file of their own, each with the SHA-256 of its bytes. */
export interface SavedTensors {
  readonly file: string;
  readonly digests: Readonly<Record<string, string>>;
}

/** A checkpoint but for its tensors. Plain data. */
export interface Manifest {
  /** Of this format. */
  readonly format: 1;
  /** The version of bicot that wrote it. */
  readonly bicot: string;
  /** Steps that were made. */
  readonly step: number;
  /** What the run is made of; another one can't go on from here. */
  readonly identity: RunIdentity;
  /** Where adaptive coefficients stand. */
  readonly coefficients: Coefficients;
  /** What the training monitor remembers; absent without one. */
  readonly monitor?: MonitorState;
  /** Updates that the optimiser made. */
  readonly updates: number;
  readonly weights: SavedTensors;
  readonly optimizer: SavedTensors;
  /** The averaged weights; absent without an average. */
  readonly ema?: SavedTensors;
  /** By what the best checkpoints are kept; absent if by nothing. */
  readonly value?: number;
}

const NAME = /^step-(\d{8})\.json$/;
const OWN = /^step-(\d{8})\.(json|(weights|optimizer|ema)\.safetensors)(\.[0-9a-f-]+\.tmp)?$/;

/** The name of one of a checkpoint's files. */
export function fileOf(
  step: number,
  part: 'json' | `${'weights' | 'optimizer' | 'ema'}.safetensors`,
): string {
  return `step-${String(step).padStart(8, '0')}.${part}`;
}

/** Steps of the checkpoints among the names of files, newest first. A checkpoint is there when its manifest is. */
export function stepsOf(files: readonly string[]): number[] {
  return files
    .flatMap((file) => NAME.exec(file)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
}

/** The step that a file of checkpoints belongs to, finished or not; nothing for other files. */
export function stepOfFile(file: string): number | undefined {
  const step = OWN.exec(file)?.[1];
  return step === undefined ? undefined : Number(step);
}

/** The bytes of a manifest, with their own checksum. */
export async function encodeManifest(manifest: Manifest): Promise<Uint8Array> {
  const text = new TextEncoder();
  const json = JSON.stringify(manifest, (_, value) => (Number.isNaN(value) ? 'NaN' : value));
  return text.encode(`${await sha256(text.encode(json))}\n${json}\n`);
}

/**
 * Reads a manifest.
 * @throws BicotError `checkpoint` for one that is damaged or of another format
 */
export async function readManifest(folder: CheckpointFolder, step: number): Promise<Manifest> {
  const file = fileOf(step, 'json');
  const path = `${folder.path}/${file}`;
  const damaged = (what: string, cause?: unknown) =>
    checkpointError(path, what, 'The checkpoint is damaged.', cause);
  try {
    const bytes = await folder.read(file, 0, await folder.size(file));
    const [digest, json, rest] = new TextDecoder().decode(bytes).split('\n');
    if (json === undefined || rest !== '') throw damaged('it ends early');
    if ((await sha256(new TextEncoder().encode(json))) !== digest) throw damaged('its checksum is wrong');
    const manifest = JSON.parse(json, (_, value) => (value === 'NaN' ? Number.NaN : value)) as Manifest;
    if (manifest.format !== 1) {
      throw new Mismatch(
        `${path}: its format is ${manifest.format}; this version of bicot reads format 1. Use bicot ${manifest.bicot}, which wrote it.`,
      );
    }
    return manifest;
  } catch (error) {
    throw isBicotError(error) ? error : damaged('it is no manifest', error);
  }
}
