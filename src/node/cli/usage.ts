import { type ParseArgsConfig, parseArgs } from 'node:util';

/** A command line that was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Options by their long names. */
export type OptionsConfig = NonNullable<ParseArgsConfig['options']>;

/**
 * Reads the options of a command that takes nothing else.
 * @param command for the message
 * @throws UsageError for an option that is unknown or without its value, and for anything that is no option
 */
export function parseOptions<const Options extends OptionsConfig>(
  command: string,
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split(/\.(?:\s|$)|\n/);
    throw new UsageError(`bicot ${command}: ${reason}. \`npx bicot ${command} --help\` lists the options.`, {
      cause,
    });
  }
}
