/** Loading models with the real package. */
import { loadTransformers } from 'bicot/rewards/transformers';
import { describe, expect, it } from 'vitest';
import { findModel } from '../../../src/rewards/transformers/model-source.js';

describe('findModel', () => {
  it('names the folder that is missing', async () => {
    for (const model of ['/nowhere/clip', new URL('file:///nowhere/clip/')]) {
      await expect(findModel('test', { model }, ['clip'])).rejects.toMatchObject({
        name: 'BicotError',
        code: 'checkpoint',
        message: expect.stringMatching(
          /^test: \/nowhere\/clip\/config\.json was not found\. Pass the folder/,
        ),
      });
    }
  });

  it('does not download where it must not', async () => {
    const source = { model: 'somebody/something', localOnly: true };
    await expect(findModel('test', source, ['clip'])).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/somebody\/something\/config\.json was not found\. Check the name/),
    });
  });

  it('has the package that is installed here', async () => {
    expect(Object.keys(await loadTransformers('test'))).toContain('AutoModelForZeroShotObjectDetection');
  });
});
