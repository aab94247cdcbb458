// Line numbers and numbers in brackets: see rules.ts beside this file.
import type { Labelled } from './labels.js';

/**
 * How many boxes `torchvision.ops.nms` leaves when it is given (centre x, centre y, width, height) in place of
 * (x0, y0, x1, y1), as the published code does (gdino:325). (3) Most boxes then have a corner before their first one: they
 * overlap nothing, and repeated detections of one object all stay.
 */
export function referenceSuppression(boxes: readonly Labelled[], threshold = 0.5): number {
  const order = [...boxes].sort((a, b) => b.score - a.score); // equal scores keep their order, as in torchvision
  const misread = order.map(({ centreX, centreY, width, height }) => ({
    ...{ x0: centreX, y0: centreY, x1: width, y1: height },
    area: (width - centreX) * (height - centreY), // negative where one side is, as in torchvision
  }));
  const kept: typeof misread = [];
  for (const box of misread) {
    const repeats = kept.some((winner) => {
      const width = Math.max(0, Math.min(winner.x1, box.x1) - Math.max(winner.x0, box.x0));
      const height = Math.max(0, Math.min(winner.y1, box.y1) - Math.max(winner.y0, box.y0));
      const intersection = width * height;
      return intersection / (winner.area + box.area - intersection) > threshold;
    });
    if (!repeats) kept.push(box);
  }
  return kept.length;
}
