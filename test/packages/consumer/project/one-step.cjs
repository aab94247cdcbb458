/**
 * One BiCoT-GRPO step (plan, picture, reward, update) with the public API alone. CJS, so that both module
 * systems can load it: the libraries under test are handed in.
 * @param parallel workers, if any
 */
async function oneStep({ tf, bicot, models, node, parallel, backend = 'wasm' }) {
  const { name } = await node.selectBackend(backend);
  const tokenizer = models.wordTokenizer(['<end>', '<image>'], ['a', 'dog', 'cat', 'left', 'right']);
  const policy = models.createTransformer(
    {
      textVocabulary: tokenizer.size,
      imageVocabulary: 8,
      imageLength: 4,
      endToken: tokenizer.id('<end>'),
      specialTokens: 2,
      width: 16,
      layers: 1,
      heads: 2,
      hidden: 32,
    },
    { tokenizer, seed: 1 },
  );
  const context = (...parts) => ({ ids: Int32Array.from(parts.flatMap((part) => [...part])) });
  const rollout = bicot.biLevelRollout({
    policy,
    semantic: {
      space: 'text',
      sampling: { maxTokens: 3 },
      context: (prompt) => context(tokenizer.encode(prompt)),
    },
    token: {
      space: 'image',
      sampling: {},
      context: (prompt, plan) => context(tokenizer.encode(prompt), plan.ids, [tokenizer.id('<image>')]),
    },
  });
  const even = async (samples) =>
    samples.map(({ tokens }) => bicot.score([...tokens.token].filter((id) => id % 2 === 0).length));
  const reward = bicot.rewardEnsemble({ even: { reward: even } });

  const names = Object.keys(policy.variables);
  const before = await models.exportWeights(policy.variables);
  const tensors = tf.memory().numTensors;
  const steps = [];
  for await (const step of bicot.train({
    policy,
    rollout,
    reward,
    prompts: ['a dog', 'a cat'],
    promptsPerStep: 2,
    groupSize: 4,
    steps: 1,
    objective: bicot.t2iR1(),
    learningRate: 1e-2,
    ...(parallel && { parallel }),
  })) {
    steps.push(step.metrics);
  }
  const after = await models.exportWeights(policy.variables);
  const moved = names.filter((key) => before[key].data.some((value, i) => value !== after[key].data[i]));
  return {
    backend: name,
    steps,
    moved: moved.length / names.length,
    leaked: tf.memory().numTensors - tensors,
    after,
  };
}
exports.oneStep = oneStep;

/** Workers give the same weights, to the bit, and end with the training. */
exports.checkParallel = async function checkParallel(libraries) {
  const assert = require('node:assert/strict');
  const alone = await oneStep(libraries);
  for (const workers of [1, 2]) {
    const shared = await oneStep({ ...libraries, parallel: { workers } });
    assert.equal(shared.leaked, 0);
    assert.equal(shared.steps[0].gradNorm, alone.steps[0].gradNorm);
    assert.deepEqual(shared.after, alone.after);
  }
};

exports.checkStep = function checkStep({ backend, steps, moved, leaked }, expected = 'wasm') {
  const assert = require('node:assert/strict');
  assert.equal(backend, expected);
  assert.equal(steps.length, 1);
  const [{ levels, gradNorm, reward }] = steps;
  assert.deepEqual(Object.keys(levels).sort(), ['semantic', 'token']);
  for (const level of Object.values(levels)) assert.ok(level.trained && level.maxRatioDeviation < 1e-4);
  assert.ok(gradNorm > 0 && Number.isFinite(reward.mean));
  assert.ok(moved > 0.9, `only ${moved} of the variables moved`);
  assert.equal(leaked, 0);
};

/** Advantages and loss by hand: rewards 1, 0 have a Bessel-corrected spread of √½. */
exports.checkLoss = async function checkLoss({ tf, bicot }) {
  const assert = require('node:assert/strict');
  const { advantages } = bicot.groupAdvantages([1, 0], { groupSize: 2 });
  const expected = 0.5 / (Math.SQRT1_2 + 1e-4);
  assert.ok(Math.abs(advantages[0] - expected) < 1e-6 && Math.abs(advantages[1] + expected) < 1e-6);
  const loss = bicot.levelLoss(
    {
      logProbs: tf.tensor2d([[-1], [-2]]),
      advantages: tf.tensor1d([3, 5]),
      weights: tf.tensor2d([[0.5], [0.25]]),
    },
    { surrogate: bicot.unclipped(), klWeight: 0 },
  );
  // At ratio 1 the loss is −Σ w·A = −(0.5·3 + 0.25·5).
  assert.ok(Math.abs((await loss.data())[0] + 2.75) < 1e-6);
};

exports.checkNode = function checkNode({ node }) {
  const assert = require('node:assert/strict');
  const image = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  assert.deepEqual(node.decodePng(node.encodePng(image)).data, image.data);
  assert.ok(node.imageGrid([{ image, caption: ['a dog'] }], { columns: 1 }).width > 2);
};
