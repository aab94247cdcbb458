import { describe, expect, it, vi } from 'vitest';
import { pictured } from '../../../test/support/vision.js';
import { BicotError } from '../../errors.js';
import type { RuleRow } from '../rules.js';
import { detectionReward } from './detection-reward.js';
import type { Detector } from './detector.js';

const image = { width: 2, height: 2, data: new Uint8Array(12) };
const at = (noun: string, x0: number) => ({ noun, box: { x0, y0: 0.4, x1: x0 + 0.2, y1: 0.6 }, score: 0.9 });
const cat: RuleRow = { nouns: ['cat'] };

describe('detectionReward', () => {
  it('asks for all that a rule could look for, each once, and scores by the rule', async () => {
    const detector = vi.fn<Detector>(async () => [at('cat', 0.1), at('wine glass', 0.6)]);
    const reward = detectionReward({ detector });
    const row: RuleRow = {
      nouns: ['Cat', ' cat', 'wine glass'],
      spatial_info: { obj1: 'cat', obj2: 'Wine Glass', locality: 'on the left of' },
      numeracy_info: [{ obj_name: 'dog', num: 1 }],
    };
    const controller = new AbortController();
    const call = { signal: controller.signal };
    const results = await reward([pictured(row, image), pictured(cat, image)], call);
    expect(detector.mock.calls).toEqual([
      [image, ['Cat', 'wine glass', 'dog'], call],
      [image, ['cat'], call],
    ]);
    expect(results[0]).toEqual({ kind: 'score', value: expect.closeTo(1, 12) });
    expect(results[1]).toEqual({ kind: 'score', value: 1 });
  });

  it('hands options to the rules', async () => {
    const detector: Detector = async () => [at('cat', 0), at('dog', 0.5)];
    const row: RuleRow = { nouns: [], spatial_info: { obj1: 'cat', obj2: 'dog', locality: 'next to' } };
    const value = async (nearDistance: number) => {
      const [result] = await detectionReward({ detector, rules: { nearDistance } })([pictured(row, image)]);
      return (result as { value: number }).value;
    };
    expect(await value(0.6)).toBeGreaterThan(await value(0.1));
  });

  it('abstains where there is nothing to see or to look for', async () => {
    const detector = vi.fn<Detector>(async () => []);
    const reward = detectionReward({ detector });
    expect(await reward([pictured(cat), pictured<RuleRow>({ nouns: [] }, image)])).toEqual([
      { kind: 'abstain', reason: 'the sample has no image' },
      { kind: 'abstain', reason: 'the row names no objects' },
    ]);
    expect(detector).not.toHaveBeenCalled();
  });

  it('fails for one sample where the detector or the rule can’t judge it', async () => {
    const detector = vi
      .fn<Detector>(async () => [at('cat', 0.1)])
      .mockRejectedValueOnce(new BicotError('reward', 'objectDetection: the caption …'))
      .mockResolvedValueOnce([{ ...at('cat', 0.1), score: Number.NaN }]);
    const uncountable: RuleRow = { nouns: ['cat'], numeracy_info: [{ obj_name: 'cat', num: 0 }] };
    const samples = [
      pictured(cat, image),
      pictured(cat, image),
      pictured(uncountable, image),
      pictured(cat, image),
    ];
    expect(await detectionReward({ detector })(samples)).toEqual([
      { kind: 'failure', reason: 'objectDetection: the caption …' },
      { kind: 'failure', reason: expect.stringMatching(/detection 0 \("cat"\) has score NaN/) },
      { kind: 'failure', reason: expect.stringMatching(/num of "cat" is 0/) },
      { kind: 'score', value: 1 },
    ]);
  });

  it('throws what is not about one sample', async () => {
    const broken: Detector = async () => {
      throw new BicotError('checkpoint', 'objectDetection: /m/onnx/model.onnx was not found.');
    };
    await expect(detectionReward({ detector: broken })([pictured(cat, image)])).rejects.toMatchObject({
      code: 'checkpoint',
    });
    const fine: Detector = async () => [];
    await expect(
      detectionReward<unknown>({ detector: fine })([pictured('a cat', image)]),
    ).rejects.toMatchObject({ code: 'prompt-row', message: expect.stringMatching(/Pass `row`/) });
  });

  it('makes rows of other prompts as it is told', async () => {
    const reward = detectionReward<string>({
      detector: async (_, nouns) => nouns.map((noun) => at(noun, 0.1)),
      row: (prompt) => ({ nouns: [prompt] }),
    });
    expect(await reward([pictured('a cat', image)])).toEqual([{ kind: 'score', value: 1 }]);
  });

  it('obeys the signal between samples', async () => {
    const controller = new AbortController();
    const detector = vi.fn<Detector>(async () => {
      controller.abort();
      return [];
    });
    const samples = [pictured(cat, image), pictured(cat, image)];
    await expect(detectionReward({ detector })(samples, { signal: controller.signal })).rejects.toMatchObject(
      {
        code: 'aborted',
      },
    );
    expect(detector).toHaveBeenCalledTimes(1);
  });

  it('refuses wrong options', () => {
    expect(() => detectionReward({ detector: {} as never })).toThrow(
      /detector is \[object Object\], but must be/,
    );
    expect(() => detectionReward({ detector: async () => [], threshold: 1 } as never)).toThrow(/'threshold'/);
  });
});
