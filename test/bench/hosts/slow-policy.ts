import type { Policy, TokenContext } from 'bicot';
import { smallTransformer } from '../../support/small-transformer.js';

/** The small transformer, whose samples take so many milliseconds each, in which the processor rests: a stand-in for a device. */
export async function slowPolicy(milliseconds: number): Promise<Policy<TokenContext>> {
  const { startDecoding, ...policy } = await smallTransformer();
  const clock = new Int32Array(new SharedArrayBuffer(4));
  return {
    ...policy,
    startDecoding(contexts, space, options) {
      const session = startDecoding?.(contexts, space, options);
      if (!session) throw new Error('The transformer decodes.');
      Atomics.wait(clock, 0, 0, session.rows * milliseconds);
      return session;
    },
  };
}
