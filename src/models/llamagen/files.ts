import { BicotError } from '../../errors.js';
import type { CheckpointFolder } from '../checkpoints/folder.js';

/** Which files of a folder to read. */
export interface LlamaGenFiles {
  /** The transformer's weights, such as `c2i_B_256.pt`. Default: the one file of weights that is no image tokenizer's. */
  readonly transformer?: string;
  /** The image tokenizer's, such as `vq_ds16_c2i.pt`. Default: the one whose name begins with `vq`. False for none. */
  readonly tokenizer?: string | false;
}

const WEIGHTS = /\.(pt|pth|bin|safetensors)$/;
const TOKENIZER = /^vq/i;

/** Whether a file holds weights, by its name. */
export const isWeights = (file: string): boolean => WEIGHTS.test(file);

/**
 * Finds the files of weights.
 * @throws BicotError `checkpoint` if one that was named is not there, or if there is none or a choice
 */
export async function findFiles(
  folder: CheckpointFolder,
  { transformer, tokenizer }: LlamaGenFiles,
): Promise<{ readonly transformer: string; readonly tokenizer?: string }> {
  const files = await folder.list();
  const weights = files.filter(isWeights);
  const find = (
    what: string,
    option: string,
    named: string | undefined,
    found: string[],
    example: string,
  ) => {
    const fail = (words: string): never => {
      throw new BicotError(
        'checkpoint',
        `${folder.path}: ${words}. Name it by the option ${option}, such as '${example}'${option === 'tokenizer' ? ', or give false to go without pictures' : ''}.`,
      );
    };
    const there = weights.length > 0 ? `there are ${weights.slice(0, 8).join(', ')}` : 'there are no weights';
    if (named !== undefined)
      return files.includes(named) ? named : fail(`there is no file ${named}; ${there}`);
    if (found.length === 1) return found[0] as string;
    return fail(`${found.length === 0 ? 'no file' : 'more than one file'} could be ${what}; ${there}`);
  };
  const rest = weights.filter((file) => !TOKENIZER.test(file) && file !== tokenizer);
  return {
    transformer: find('the transformer', 'transformer', transformer, rest, 'c2i_B_256.pt'),
    ...(tokenizer !== false && {
      tokenizer: find(
        'the image tokenizer',
        'tokenizer',
        tokenizer,
        weights.filter((file) => TOKENIZER.test(file) && file !== transformer),
        'vq_ds16_c2i.pt',
      ),
    }),
  };
}
