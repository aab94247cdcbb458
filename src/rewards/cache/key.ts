import { digestOf } from '../../sha256.js';
import type { Sample } from '../reward.js';

/** Everything that a reward may look at, but for the sample's place in its batch. */
function contentOf({ prompt, plan, image, tokens }: Sample): unknown {
  return { prompt, plan, image, tokens };
}

/**
 * Names what a sample holds: equal content, equal key.
 * @param version the reward's name and version; another one, another key
 * @param content default: prompt, plan, image and tokens
 * @returns a SHA-256, in hexadecimal
 * @throws BicotError `unsupported` where the platform has no Web Crypto (pages that are neither https nor local)
 */
export async function contentKey(
  version: string,
  sample: Sample,
  content: (sample: Sample) => unknown = contentOf,
): Promise<string> {
  return digestOf([version, content(sample)]);
}
