/** Compiled, not run: the real package is what `TransformersModule` says. */
import * as transformers from '@huggingface/transformers';
import type { TransformersModule } from 'bicot/rewards/transformers';

export const real: TransformersModule = transformers;
