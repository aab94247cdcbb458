import { type PromptRow, type UniformStream, uniformStream } from 'bicot';
import { samplePrompts } from '../../examples/emoji/prompts.js';
import { demoSettings } from '../../examples/emoji/settings.js';

/** Prompts of the demo that no training saw, on which engines are compared. */
export const DEMO_PROMPTS: readonly PromptRow[] = samplePrompts('heldout', 20, 7);

/** The random numbers of one level of one prompt. */
export const demoStream = (row: number, level: 'semantic' | 'token'): UniformStream =>
  uniformStream('engines', row, level);

/** As training samples. */
export const DEMO_TEMPERATURES = {
  semantic: demoSettings().trainSampling.semantic.temperature as number,
  token: demoSettings().trainSampling.token.temperature as number,
};
