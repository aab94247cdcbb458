import { spawnSync } from 'node:child_process';

/** The Python that PyTorch is looked for in. */
export const PYTHON = process.env.BENCH_PYTHON ?? 'python3';

/** PyTorch, as far as it is there. */
export interface FoundTorch {
  /** `cuda` or `cpu`. */
  readonly device?: 'cuda' | 'cpu';
  readonly versions: Readonly<Record<string, string>>;
  /** Why it can't be used, if it can't. */
  readonly reason?: string;
}

const ASK = `
import json, torch, numpy, safetensors
gpu = torch.cuda.is_available()
print(json.dumps({"gpu": gpu, "torch": torch.__version__, "cuda": torch.version.cuda if gpu else None}))`;

let found: FoundTorch | undefined;

/** Asks Python once. */
export function findTorch(): FoundTorch {
  found ??= askPython();
  return found;
}

function askPython(): FoundTorch {
  const { status, stdout, stderr, error } = spawnSync(PYTHON, ['-c', ASK], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0) {
    const said = error?.message ?? stderr.trim().split('\n').at(-1) ?? '';
    return { versions: {}, reason: `${PYTHON}: ${said}` };
  }
  const { gpu, torch, cuda } = JSON.parse(stdout) as { gpu: boolean; torch: string; cuda: string | null };
  return { device: gpu ? 'cuda' : 'cpu', versions: { torch, ...(cuda ? { cuda } : {}) } };
}

/** Where PyTorch is to run. On the CPU only beside a GPU in software: anything else would compare two machines. */
export function torchDevice(wanted: boolean, software: boolean): FoundTorch {
  if (!wanted) return { versions: {}, reason: '--no-torch' };
  const torch = findTorch();
  if (torch.device !== 'cpu' || software) return torch;
  return { versions: torch.versions, reason: 'PyTorch sees no GPU' };
}
