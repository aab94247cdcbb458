/** `objectDetection` on small models of Grounding DINO, OWL-ViT and OWLv2, against PyTorch; and the reward on it. */
import { type RuleRow, ruleScore } from 'bicot';
import {
  type Detection,
  detectionReward,
  loadTransformers,
  type OnnxTensor,
  objectDetection,
} from 'bicot/rewards/transformers';
import { describe, expect, it } from 'vitest';
import {
  type ExpectedDetector,
  farthest,
  modelFolder,
  picture,
  pictured,
  readExpected,
  unpack,
} from '../../support/vision.js';
import { processPictures } from './process.js';
import { watchTensors } from './watch-tensors.js';

/** ONNX Runtime and PyTorch, preprocessing included; probabilities and boxes: 7.5e-6 measured. */
const SAME_PIXELS = 2e-5;
/** The same of logits, which reach 17 here: 5e-5 measured. */
const LOGITS = 2e-4;
const FAMILIES = { 'grounding-dino': 0.3, owlvit: 0.1, owlv2: 0.1 } as const;

describe.each(Object.keys(FAMILIES) as (keyof typeof FAMILIES)[])('%s', (family) => {
  const expected = readExpected<ExpectedDetector>(family);
  const { nouns } = expected;
  const model = modelFolder(family);

  /** What PyTorch's values make of the threshold, box by box and noun by noun. */
  function wanted(kind: 'exact' | 'resized', which: number, threshold: number): Detection[] {
    const [scores, boxes] = [unpack(expected[kind].scores), unpack(expected[kind].boxes)];
    const count = expected[kind].boxes.shape[1] as number;
    const found: Detection[] = [];
    for (let box = which * count; box < (which + 1) * count; box++) {
      const [x, y, width, height] = boxes.slice(4 * box, 4 * box + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const corners = { x0: x - width / 2, y0: y - height / 2, x1: x + width / 2, y1: y + height / 2 };
      for (const [j, noun] of nouns.entries()) {
        const score = scores[box * nouns.length + j] as number;
        expect(Math.abs(score - threshold), 'a case that rounding decides').toBeGreaterThan(1e-5);
        if (score > threshold) found.push({ noun, box: corners, score });
      }
    }
    return found;
  }
  const numbers = (detections: readonly Detection[]) =>
    detections.flatMap(({ box: { x0, y0, x1, y1 }, score }) => [x0, y0, x1, y1, score]);

  // OWLv2's own processor filters what shrinks by a Gaussian, the package's does not.
  const kinds = family === 'owlv2' ? (['exact'] as const) : (['exact', 'resized'] as const);
  const cases = kinds.flatMap((kind) => [undefined, 0.5].map((threshold) => ({ kind, threshold })));
  it.each(cases)('finds what PyTorch finds: $kind, threshold $threshold', async ({ kind, threshold }) => {
    const detect = objectDetection({ model, threshold });
    for (const which of [0, 1, 2]) {
      const found = await detect(picture(...expected[kind].size, which), nouns);
      const right = wanted(kind, which, threshold ?? FAMILIES[family]);
      expect(found.map(({ noun }) => noun)).toEqual(right.map(({ noun }) => noun));
      expect(farthest(numbers(found), numbers(right))).toBeLessThan(SAME_PIXELS);
      expect(found.length).toBeGreaterThan(5);
    }
    await detect.dispose();
  });

  it('has the logits of PyTorch', async () => {
    const { AutoModelForZeroShotObjectDetection, AutoTokenizer } = await loadTransformers('test');
    const options = { local_files_only: true };
    const pixels = await processPictures(family, expected.exact.size, [1]);
    const tokenizer = await AutoTokenizer.from_pretrained(model.pathname, options);
    const texts = family === 'grounding-dino' ? [`${nouns.join(' . ')}.`] : [...nouns.slice(0, 2)];
    const words = tokenizer(texts, { padding: true }) as Record<string, unknown>;
    const graph = await AutoModelForZeroShotObjectDetection.from_pretrained(model.pathname, options);
    const { logits, pred_boxes } = (await graph({ ...words, ...pixels })) as Record<string, OnnxTensor>;
    await graph.dispose();
    const { logits: right, boxes } = expected.exact;
    const [, count, columns] = right.shape as [number, number, number];
    const given = logits as OnnxTensor;
    const width = given.dims[2] as number;
    const compared = Math.min(columns, width);
    const pick = (data: ArrayLike<number>, begin: number, width: number) =>
      Array.from({ length: count * compared }, (_, i) => {
        const [box, column] = [Math.floor(i / compared), i % compared];
        return data[begin + box * width + column] as number;
      });
    const of = pick(unpack(right), count * columns, columns);
    expect(farthest(pick(given.data as Float32Array, 0, width), of)).toBeLessThan(LOGITS);
    const second = unpack(boxes).slice(4 * count, 8 * count);
    expect(farthest((pred_boxes as OnnxTensor).data as Float32Array, second)).toBeLessThan(SAME_PIXELS);
  });

  it('is rewarded as the rule says', async () => {
    const detector = objectDetection({ model });
    const reward = detectionReward({ detector });
    const image = picture(...expected.exact.size, 1);
    const row: RuleRow = {
      nouns: ['Car', 'sports ball', 'sports ball'],
      numeracy_info: [
        { obj_name: 'sports ball', num: 4 },
        { obj_name: 'roll of toilet paper', num: 2 },
      ],
    };
    const found = await detector(image, ['Car', 'sports ball', 'roll of toilet paper']);
    expect(found.map(({ noun }) => noun)).toContain('roll of toilet paper');
    const results = await reward([pictured(row, image), pictured(row)]);
    expect(results).toEqual([ruleScore(row, found), { kind: 'abstain', reason: 'the sample has no image' }]);
    await detector.dispose();
  });

  it('leaves no tensor', async () => {
    const watch = watchTensors(await loadTransformers('test'));
    const detect = objectDetection({ model, transformers: watch.transformers });
    await detect(picture(...expected.exact.size, 0), nouns);
    expect(watch.seen()).toBeGreaterThan(4);
    expect(watch.left()).toEqual([]);
    await detect.dispose();
  });
});

describe('Grounding DINO', () => {
  it('gives nouns that share words tokens of their own, and each all of its tokens', async () => {
    const { AutoTokenizer } = await loadTransformers('test');
    const { captionOf } = await import('../../../src/rewards/transformers/grounding-dino.js');
    const { pathname } = modelFolder('grounding-dino');
    const tokenizer = await AutoTokenizer.from_pretrained(pathname, { local_files_only: true });
    const { nouns, columns } = readExpected<ExpectedDetector>('grounding-dino');
    // `columns` was made of the characters' places, which Python's tokenizers tell.
    expect(captionOf('test', tokenizer, nouns).columns).toEqual(columns);
    expect(columns?.map((own) => own.length)).toEqual([1, 2, expect.any(Number), 1, 3]);
    expect(columns?.[2]?.length).toBeGreaterThanOrEqual(4);
  });

  it('has no token of a full stop for a noun with one', async () => {
    const { AutoTokenizer } = await loadTransformers('test');
    const { captionOf } = await import('../../../src/rewards/transformers/grounding-dino.js');
    const { pathname } = modelFolder('grounding-dino');
    const tokenizer = await AutoTokenizer.from_pretrained(pathname, { local_files_only: true });
    // [CLS] car . dog . cat . [SEP]
    expect(captionOf('test', tokenizer, ['car', 'dog. cat']).columns).toEqual([[1], [3, 5]]);
    expect(() => captionOf('test', tokenizer, ['car', '?'])).toThrow('the noun "?" has no word in it');
  });

  it('refuses more nouns than it can read', async () => {
    const detect = objectDetection({ model: modelFolder('grounding-dino') });
    const nouns = Array.from({ length: 70 }, (_, i) => `purple elephant ${i}`);
    await expect(detect(picture(128, 128, 0), nouns)).rejects.toMatchObject({
      code: 'reward',
      message: expect.stringMatching(/caption of the nouns is \d+ tokens long, but the model reads 256/),
    });
    await detect.dispose();
  });
});

describe('OWLv2', () => {
  it('fills pictures up to squares, and tells boxes as fractions of the picture itself', async () => {
    const { nouns } = readExpected<ExpectedDetector>('owlv2');
    const detect = objectDetection({ model: modelFolder('owlv2') });
    const wide = picture(32, 24, 1);
    const filled = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(128) };
    filled.data.set(wide.data);
    const [of, square] = [await detect(wide, nouns), await detect(filled, nouns)];
    expect(of.length).toBeGreaterThan(5);
    expect(of.map(({ box: { x1, y1 } }) => [x1, (y1 * 24) / 32])).toEqual(
      square.map(({ box: { x1, y1 } }) => [expect.closeTo(x1, 6), expect.closeTo(y1, 6)]),
    );
    await detect.dispose();
  });
});
