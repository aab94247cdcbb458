/** bicot in a process of its own: `bicot-host.ts WORKERS [BACKEND [OPTIONS]]`, e.g. `1,2 webgpu '{"software":true}'`. Default: wasm. */
import * as tf from '@tensorflow/tfjs';
import bicot from '../../../package.json' with { type: 'json' };
import { type StartOptions, startBackend } from '../../support/start-backend.js';
import { assertScored, decode, decodeCheck } from '../bicot/decoding.js';
import { kernelVariants } from '../bicot/kernels.js';
import { openLean } from '../bicot/lean-session.js';
import { loadPolicy } from '../bicot/policy.js';
import { recordingOptimizer, startRun } from '../bicot/training.js';
import { vqVariants } from '../bicot/vq.js';
import type { Check } from '../check.js';
import { type Problem, readProblem } from '../problem.js';
import { SIZES } from '../sizes.js';
import { type BicotVariant, bicotVariants, createSampler, useKernels } from '../variants.js';
import { updateCheck } from './checked-update.js';
import type { OpenRequest, ProblemRequest } from './protocol.js';
import { type RunnableVariant, type Session, serve } from './serve.js';

/** One variant with a model of its own. */
type Opened = { readonly variant: RunnableVariant; dispose(): Promise<void> };

async function openTraining(
  request: ProblemRequest,
  problem: Problem,
  variant: BicotVariant,
): Promise<Opened> {
  const policy = await loadPolicy(request.problem, problem);
  let check: Check = {};
  if (request.check !== false) {
    for (const level of problem.levels) check = { ...check, ...(await decodeCheck(policy, level)) };
    const optimizer = recordingOptimizer();
    const checked = startRun(problem, policy, variant, false, optimizer);
    const { loss, gradNorm } = await checked.step();
    check = { ...check, ...updateCheck({ loss, gradNorm }, await optimizer.seen) };
    await checked.dispose();
  }
  const run = startRun(problem, policy, variant, request.task === 'step');
  if (request.check !== false) await run.step();
  return {
    variant: { name: variant.name, check, run: async () => void (await run.step()) },
    async dispose() {
      await run.dispose();
      policy.dispose();
    },
  };
}

async function openDecoding(
  request: ProblemRequest,
  problem: Problem,
  variant: BicotVariant,
): Promise<Opened> {
  const policy = await loadPolicy(request.problem, problem);
  const sampler = await createSampler(policy, variant, problem.advantages.length);
  let check: Check = {};
  if (request.check !== false) {
    for (const level of problem.levels) check = { ...check, ...(await decodeCheck(policy, level)) };
    await assertScored(problem, policy, await decode(problem, sampler));
  }
  return {
    variant: { name: variant.name, check, run: async () => void (await decode(problem, sampler)) },
    async dispose() {
      await sampler.dispose();
      policy.dispose();
    },
  };
}

async function open(request: OpenRequest): Promise<Session> {
  if (request.task === 'checkpointing') return openLean(SIZES[request.size]);
  if (request.task === 'vq') return vqVariants(request.problem);
  const problem = readProblem(request.problem);
  if (request.task === 'kernels' || request.task === 'products') {
    return kernelVariants(problem, variants, request.task === 'products');
  }
  const opened: Opened[] = [];
  for (const variant of variants) {
    if (request.only !== undefined && request.only !== variant.name) continue;
    await useKernels(variant);
    const start = request.task === 'decode' ? openDecoding : openTraining;
    const result = await start(request, problem, variant);
    const before = () => useKernels(variant);
    opened.push({ ...result, variant: { ...result.variant, before } });
  }
  return {
    variants: opened.map(({ variant }) => variant),
    async dispose() {
      for (const { dispose } of opened) await dispose();
    },
  };
}

const [, , counts = '1', backend = 'wasm', options = '{}'] = process.argv;
const description = await startBackend(backend, JSON.parse(options) as StartOptions);
const { variants, skipped } = await bicotVariants(counts.split(',').map(Number));
await serve({
  hello: async () => ({
    versions: {
      bicot: bicot.version,
      node: process.versions.node,
      tfjs: tf.version_core,
      backend: description,
    },
    variants: variants.map(({ name }) => name),
    skipped,
  }),
  open,
});
// The threads of a GPU's library would keep the process alive.
process.exit(0);
