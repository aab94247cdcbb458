import { BicotError } from '../../errors.js';

/**
 * The text of a prompt: itself, or its column `prompt`, as rows of T2I-R1's file have it.
 * @throws BicotError `prompt-row` if it has neither
 */
export function promptText(where: string, prompt: unknown): string {
  const text =
    typeof prompt === 'object' && prompt !== null ? (prompt as { prompt?: unknown }).prompt : prompt;
  if (typeof text === 'string' && text.trim() !== '') return text;
  throw new BicotError(
    'prompt-row',
    `${where}: a prompt is ${JSON.stringify(prompt)}, but must be a text or have one in its column 'prompt'. Pass \`text\` to say where it is.`,
  );
}
