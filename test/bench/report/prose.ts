import type { BenchmarkName } from '../options.js';

// What docs/performance.md says beside its tables. No numbers here: they would not follow the results.

/** The page's beginning. */
export const INTRODUCTION = `# Performance

<!-- Written by \`npm run bench -- docs\` from test/bench/results/*.json; a test compares. -->

What bicot's kernels, cache and workers are worth, measured against a straightforward TensorFlow.js port of the same
model and against PyTorch.

    npm run bench -- all                 # everything, at its usual sizes
    npm run bench -- train --size M      # one benchmark; other sizes are S, demo and tiny
    npm run bench -- decode --node ~/node-22/bin/node,~/node-24/bin/node
    npm run bench -- docs                # writes this page from the committed results

PyTorch takes part where `python3`, or the Python that `BENCH_PYTHON` names, can import it and safetensors (the versions
of [test/reference/requirements.txt](../test/reference/requirements.txt) do).

Every implementation runs in a process of its own, and only one computes at a time: a round times each variant once,
then the next round begins, so that whatever else the machine does falls on all of them. Before anything is timed, all
variants get the same weights and tokens and must agree on log-probs, loss and every gradient to 1e-4. The ratio of
medians is what counts: milliseconds belong to a machine.

- **TensorFlow.js port**: the model and GRPO by the book in stock operations, with TensorFlow.js's own gradients
  and its Adam ([test/bench/port](../test/bench/port)). Its products with weights are matrices times matrices, without
  which it would be many times slower; its cache grows by \`tf.concat\`; a prompt is computed once for every sample
  unless the variant says otherwise. It would not train on wasm at all without a kernel for the gradient of
  \`tf.gather\` that the benchmark adds.
- **bicot, composed kernels**: stock operations with gradients of bicot's own, as on every backend.
- **bicot, fused kernels**: WebAssembly kernels of bicot's own; with FMA where the machine and Node have it. Several
  workers share the samples.
- **PyTorch**: eager, on the CPU, with SDPA, fused AdamW, a preallocated cache, each prompt computed once for its group
  and both branches of guidance in one batch ([test/bench/torch_bench.py](../test/bench/torch_bench.py)); the better of
  one and two threads. Where tokens are drawn it draws others than bicot, which changes the length of plans a little.

Sizes: S is width 128, 4 layers, 4 heads, hidden 344 (0.99 million weights); M is width 256, 6 layers, 8 heads, hidden
688 (5.1 million); both have 256 text and 512 image tokens in their vocabularies. Numbers are for one machine and
short sequences; nothing here is about GPUs or browsers.`;

/** Headings, in the page's order. */
export const TITLES: Readonly<Record<BenchmarkName, string>> = {
  step: 'A whole step of GRPO',
  train: 'An update',
  decode: 'Sampling',
  memory: 'Memory of an update',
  kernels: 'Kernels',
  growth: 'How cost grows',
};

/** What each table shows. */
export const NOTES: Readonly<Record<BenchmarkName, string>> = {
  step: `Plans and guided images are sampled, the reference scores them for the KL penalty, and the policy is updated, with
gradients through both branches of guidance. Rewards take no time here, and 16 samples share a backward pass, since WebAssembly's memory has no room
for more of the port's.`,
  train: `Forward and backward pass over a rollout that is given, clipping by norm, Adam. GFLOPS count matrix products alone,
all of the attention matrix included.`,
  decode: 'Images drawn token by token with a cache of keys and values, eight for each prompt.',
  memory:
    'The most memory that a process holds which makes one update and nothing else (MB; Node itself takes about 100).',
  kernels: `At the shapes of the update above. Default gradients multiply by transposed matrices, which the wasm backend of
TensorFlow.js computes in a scalar loop.`,
  growth: `One dimension of size S at a time, in bicot's usual kernels (the best ones without FMA). The last column divides
cost by what it would be in proportion to the dimension, or for workers by one worker's cost shared out: 1 is linear.`,
};
