import assert from 'node:assert/strict';
import * as tf from '@tensorflow/tfjs';
import * as bicot from 'bicot';
import * as models from 'bicot/models';
import * as node from 'bicot/node';
import { checkLoss, checkStep, oneStep } from './one-step.cjs';

checkStep(await oneStep({ tf, bicot, models, node, backend: 'node' }), 'node');
assert.equal(tf.getBackend(), 'tensorflow');
await checkLoss({ tf, bicot });

// TensorFlow itself gives zeros for whole numbers.
assert.deepEqual([...(await tf.round(tf.tensor1d([3, -4, 7], 'int32')).data())], [3, -4, 7]);
assert.deepEqual([...(await tf.round(tf.tensor1d([1.2, -3.7])).data())], [1, -4]);
