import type { BenchmarkName } from '../options.js';

// What docs/performance.md says above its tables; introduction.md has its beginning. No numbers here: they would not
// follow the results.

/** In place of tables. */
export const NOTHING = 'No results are committed yet.';

/** Headings, in the page's order. */
export const TITLES: Readonly<Record<BenchmarkName, string>> = {
  step: 'A whole step of GRPO',
  train: 'An update',
  decode: 'Sampling',
  memory: 'Memory of an update',
  checkpointing: 'Checkpointing',
  kernels: 'Kernels',
  growth: 'How cost grows',
  load: 'Loading a checkpoint',
  vq: 'Image tokens to pixels',
  rewards: 'Remote rewards',
  distributed: 'Workers on a queue',
};

/** What each table shows. */
export const NOTES: Readonly<Record<BenchmarkName, string>> = {
  step: `Plans and guided images are sampled, the reference scores them for the KL penalty, and the policy is updated, with
gradients through both branches of guidance. Rewards take no time here, and 16 samples share a backward pass, by whomever
it is made.`,
  train: `Forward and backward pass over a rollout that is given, clipping by norm, Adam. GFLOPS count matrix products alone,
all of the attention matrix included.`,
  decode: 'Images drawn token by token with a cache of keys and values, eight for each prompt.',
  memory:
    'The most memory that a process holds which makes one update and nothing else (MB; Node itself takes about 100).',
  checkpointing: `Gradients of one step, plan and image, of a model with a large text vocabulary: all samples in one pass with
everything kept and all logits there at once, against sample by sample, blocks computed again in the backward pass and the
head in pieces. The bytes are those of all tensors at the worst moment, weights included. Adapters are of rank 16 beside
frozen matrices; where all weights are trained, their gradients and the sum of them are most of what is left.`,
  kernels: `At the shapes of the update above. Default gradients multiply by transposed matrices, which the wasm backend of
TensorFlow.js computes in a scalar loop.`,
  growth: `One dimension of size S at a time, in bicot's usual kernels (the best ones without FMA). The last column divides
cost by what it would be in proportion to the dimension, or for workers by one worker's cost shared out: 1 is linear.
Workers share the work of one process; two processes do it twice, side by side and with nothing in common but the
cores: more than 1 there is what the machine, and not bicot, takes from two workers.`,
  load: `A synthetic checkpoint of bfloat16 numbers, in shards, read from the disk to tensors of the wasm backend, which are
float32: the weights that are kept take twice as much as the files. Memory is the most that a process of its own holds,
less what it held before the first tensor.`,
  vq: `One picture of Janus-Pro's and LlamaGen's decoder, in stock operations of TensorFlow.js. Nothing is sampled or trained.`,
  rewards: `An ensemble of four services over HTTP on the same machine, each of which works on one image at a time and takes as long
as stated. A request has 16 images, a service has four requests at most; what fails (HTTP 500, or a connection that ends) has
cost the service its time and is asked for again. Every sample has its score in the end.`,
  distributed: `Rollouts over BullMQ and a Redis on the same machine. A sample takes its time without the processor, as on a device of
its own, so that more workers than cores say what the queue costs. Efficiency is the time of one worker by four times that of
four.`,
};
