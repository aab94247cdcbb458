import { describe, expect, it, vi } from 'vitest';
import { fakeTransformers } from '../../../test/support/fake-transformers.js';
import { assertModelSource, findModel } from './model-source.js';

describe('findModel', () => {
  it.each([
    ['Xenova/clip-vit-base-patch16', 'Xenova/clip-vit-base-patch16', false],
    [' clip ', 'clip', false],
    ['/models/clip/', '/models/clip', true],
    ['./models/clip', './models/clip', true],
    ['../clip//', '../clip', true],
    ['C:\\models\\clip', 'C:/models/clip', true],
    ['file:///models/my%20clip/', '/models/my clip', true],
    [new URL('file:///C:/models/clip'), 'C:/models/clip', true],
  ])('takes %s for %s, a folder: %s', async (model, name, folder) => {
    const { transformers, loaded } = fakeTransformers();
    const found = await findModel('test', { model, transformers }, ['clip']);
    expect(found).toMatchObject({ name, type: 'clip', options: { local_files_only: folder } });
    expect(loaded).toEqual([['AutoConfig', name, found.options]]);
  });

  it('passes on what is told, and nothing else', async () => {
    const { transformers } = fakeTransformers();
    const told = { dtype: 'q8', device: 'webgpu', revision: 'v1', localOnly: true };
    const sessionOptions = { intraOpNumThreads: 2 };
    const { options } = await findModel('test', { model: 'a/b', transformers, sessionOptions, ...told }, [
      'clip',
    ]);
    expect(options).toEqual({
      ...{ dtype: 'q8', device: 'webgpu', revision: 'v1', local_files_only: true },
      session_options: { intraOpNumThreads: 2 },
    });
    const bare = await findModel('test', { model: 'a/b', transformers }, ['clip']);
    expect(bare.options).toEqual({ local_files_only: false });
  });

  it('refuses another architecture before anything else is loaded', async () => {
    const { transformers, loaded } = fakeTransformers({ type: 'vit' });
    await expect(findModel('test', { model: 'a/b', transformers }, ['clip', 'siglip'])).rejects.toMatchObject(
      {
        code: 'unsupported',
        message:
          "test: a/b is a model of type 'vit', but must be one of clip, siglip (model_type in its config.json). Choose another model.",
      },
    );
    expect(loaded).toHaveLength(1);
  });

  it('says what is wrong when loading fails', async () => {
    const error = Object.assign(
      new Error('`local_files_only=true` and file was not found locally at "/m/config.json".'),
      {
        name: 'ModelFileNotFoundError',
      },
    );
    const missing = fakeTransformers({ failing: { AutoConfig: error } });
    const source = { model: '/m', transformers: missing.transformers };
    await expect(findModel('test', source, ['clip'])).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/^test: \/m\/config\.json was not found\. Pass the folder/),
      cause: error,
    });
    const broken = fakeTransformers({ failing: { AutoConfig: new Error('Unexpected end of JSON\n at …') } });
    await expect(
      findModel('test', { model: 'a/b', transformers: broken.transformers }, ['clip']),
    ).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/^test: a\/b can't be loaded \(Unexpected end of JSON\)\. /),
    });
  });

  it('frees the parts that were loaded when another fails', async () => {
    const { transformers } = fakeTransformers();
    const found = await findModel('test', { model: 'a/b', transformers }, ['clip']);
    const dispose = vi.fn(async () => {});
    const late = new Promise<{ dispose: typeof dispose }>((resolve) => setTimeout(resolve, 5, { dispose }));
    await expect(found.load(late, Promise.reject(new Error('no tokenizer')))).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringMatching(/no tokenizer/),
    });
    expect(dispose).toHaveBeenCalledTimes(1);
    expect(await found.load(Promise.resolve(1), Promise.resolve('two'))).toEqual([1, 'two']);
  });

  it('refuses addresses that the package can’t load from', async () => {
    const { transformers } = fakeTransformers();
    await expect(
      findModel('test', { model: 'https://example.org/clip', transformers }, ['clip']),
    ).rejects.toMatchObject({ code: 'value', message: expect.stringMatching(/env\.remoteHost/) });
  });
});

describe('assertModelSource', () => {
  it.each([undefined, '', '  ', 3])('refuses model %s', (model) => {
    expect(() => assertModelSource('test', { model: model as string })).toThrow(
      /^test: model is .*, but must be/,
    );
  });

  it('refuses a localOnly that is no flag', () => {
    expect(() => assertModelSource('test', { model: 'a/b', localOnly: 1 as never })).toThrow(
      'localOnly is 1',
    );
  });
});
