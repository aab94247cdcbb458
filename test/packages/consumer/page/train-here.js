/**
 * Trains a little in a page and tells the console in one line: `bicot: done …` or `bicot: failed …`.
 * @param library `tf`, and what is needed of bicot, however the page got it
 */
export async function trainHere({ tf, library, wasmPaths }) {
  const { createTransformer, currentKernels, oneLevelRollout, score, selectBackend, t2iR1, train } = library;
  try {
    const { description } = await selectBackend('wasm', { wasmPaths });
    const policy = createTransformer(
      {
        ...{ textVocabulary: 4, imageVocabulary: 4, imageLength: 8, endToken: 0, specialTokens: 1 },
        ...{ width: 16, layers: 1, heads: 2, hidden: 32 },
      },
      { seed: 1 },
    );
    const rollout = oneLevelRollout({
      ...{ policy, space: 'image', sampling: {} },
      context: (prompt) => ({ ids: Int32Array.of(prompt) }),
    });
    const reward = async (samples) =>
      samples.map(({ prompt, tokens }) => score(tokens.token.filter((id) => id === prompt).length / 8));
    const means = [];
    for await (const { metrics } of train({
      ...{ policy, rollout, reward, prompts: [1, 2, 3], promptsPerStep: 3, groupSize: 16 },
      ...{ steps: 20, learningRate: 0.02, objective: t2iR1() },
    })) {
      means.push(metrics.reward.mean);
    }
    const [first, last] = [means[0], means.at(-1)];
    if (!currentKernels().available) throw new Error('the fused kernels are not there');
    if (!(last > first + 0.3)) throw new Error(`nothing was learnt: ${means.join(' ')}`);
    if (tf.getBackend() !== 'wasm') throw new Error('that TensorFlow.js is another copy');
    console.log(`bicot: done, ${description}: ${first.toFixed(2)} to ${last.toFixed(2)}`);
  } catch (error) {
    console.log(`bicot: failed, ${error.message}`);
  }
}
