import { describe, expect, it } from 'vitest';
import { fakeTransformers } from '../../../test/support/fake-transformers.js';
import { loadTransformers } from './package.js';

describe('loadTransformers', () => {
  it('says in a sentence what is missing, and what to do', async () => {
    // The package is not among those of this project.
    await expect(loadTransformers('imageTextSimilarity')).rejects.toMatchObject({
      name: 'BicotError',
      code: 'unsupported',
      message:
        'imageTextSimilarity: the package @huggingface/transformers is not installed. Run `npm i @huggingface/transformers`, or pass the imported module as `transformers`.',
      cause: expect.anything(),
    });
  });

  it('takes the module that it is given', async () => {
    const { transformers } = fakeTransformers();
    expect(await loadTransformers('test', transformers)).toBe(transformers);
  });
});
