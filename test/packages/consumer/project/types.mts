// Compiled, never run. Each @ts-expect-error fails the compilation if the types were lost on the way (any).
import * as tf from '@tensorflow/tfjs';
import {
  groupAdvantages,
  levelLoss,
  type Policy,
  type RewardFunction,
  score,
  type TokenContext,
  unclipped,
  type WorkerPool,
  workerPool,
} from 'bicot';
import * as browser from 'bicot/browser';
import { createTransformer, type TransformerPolicy } from 'bicot/models';
import { type JanusModel, loadJanus } from 'bicot/models/janus';
import { type LlamaGenModel, loadLlamaGen } from 'bicot/models/llamagen';
import { encodePng, type SelectedBackend, selectBackend } from 'bicot/node';
import { serveNodeWorker } from 'bicot/node-worker';
import { httpReward } from 'bicot/rewards/http';
import { t2iR1Rewards } from 'bicot/rewards/transformers';
import { serveWebWorker } from 'bicot/worker';

export const advantages: Float32Array = groupAdvantages([1, 0], { groupSize: 2 }).advantages;
// @ts-expect-error: the group size is required
groupAdvantages([1, 0], {});

export const reward: RewardFunction<string> = async (samples) =>
  samples.map(({ prompt }) => score(prompt.length));
// @ts-expect-error: a reward returns results, not numbers
export const wrong: RewardFunction<string> = async (samples) => samples.map(({ prompt }) => prompt.length);

export const policy: Policy<TokenContext> & TransformerPolicy = createTransformer({
  textVocabulary: 4,
  imageVocabulary: 4,
  imageLength: 1,
  endToken: 0,
  specialTokens: 1,
});
export const loss: tf.Scalar = levelLoss(
  { logProbs: tf.zeros([1, 1]), advantages: tf.zeros([1]), weights: tf.zeros([1, 1]) },
  { surrogate: unclipped(), klWeight: 0 },
);

export const backend: Promise<SelectedBackend> = selectBackend('cpu');
// @ts-expect-error: not a backend
selectBackend('cuda');
// @ts-expect-error: an image, not bytes
encodePng(new Uint8Array(3));

export const pool: Promise<WorkerPool<TokenContext>> = workerPool(policy, { workers: 2 });
// @ts-expect-error: how many?
workerPool(policy, {});
export const entries: [() => void, (port: never) => void] = [serveWebWorker, serveNodeWorker];

export const page: Promise<browser.SelectedBrowserBackend> = browser.selectBackend('wasm', {
  wasmPaths: '/wasm/',
});
// @ts-expect-error: pages have no native TensorFlow
browser.selectBackend('node');
export const janus: Promise<JanusModel> = loadJanus('folder');
// @ts-expect-error: an option that is not there
loadJanus('folder', { lora: { ranks: 8 } });
export const llamaGen: Promise<LlamaGenModel> = loadLlamaGen('folder');
export const remote: RewardFunction<string> = httpReward<string>({ url: 'http://localhost/' });
// @ts-expect-error: where?
httpReward({});
// @ts-expect-error: not a number
t2iR1Rewards(1);
