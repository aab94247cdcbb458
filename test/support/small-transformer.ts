import { createTransformer, exportWeights, importWeights, type TransformerPolicy } from 'bicot/models';

/** Ends a text. */
export const END = 2;
/** Begins an image. */
export const IMAGE = 3;

/** The shipped transformer, small, but with heads large enough that a wrong distribution shows. */
export async function smallTransformer(): Promise<TransformerPolicy> {
  const model = createTransformer(
    {
      textVocabulary: 17,
      imageVocabulary: 23,
      imageLength: 9,
      endToken: END,
      specialTokens: 4,
      width: 16,
      layers: 2,
      heads: 2,
      hidden: 24,
    },
    { seed: 3 },
  );
  const weights = await exportWeights(model.variables);
  for (const head of ['textHead', 'imageHead']) {
    const { data } = weights[head] as { data: Float32Array };
    for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) * 40;
  }
  importWeights(model.variables, weights);
  return model;
}
