import { type ParseArgsConfig, parseArgs } from 'node:util';
import { reasonOf } from '../../errors.js';

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
  return parseCommand(command, args, options, false).values;
}

/**
 * Reads the options of a command that takes folders or other names too, in `positionals`.
 * @param command for the message
 * @throws UsageError for an option that is unknown or without its value
 */
export function parseArguments<const Options extends OptionsConfig>(
  command: string,
  args: readonly string[],
  options: Options,
) {
  return parseCommand(command, args, options, true);
}

function parseCommand<const Options extends OptionsConfig>(
  command: string,
  args: readonly string[],
  options: Options,
  allowPositionals: boolean,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals });
  } catch (cause) {
    const [reason] = reasonOf(cause).split(/\.(?:\s|$)|\n/);
    throw new UsageError(`bicot ${command}: ${reason}. \`npx bicot ${command} --help\` lists the options.`, {
      cause,
    });
  }
}

/**
 * The one name that a command wants.
 * @param question what it is, for example `which run?`
 * @param example a command line that has it
 * @throws UsageError for none, or several
 */
export function onlyName(
  command: string,
  positionals: readonly string[],
  { question, example }: { readonly question: string; readonly example: string },
): string {
  const [name, ...more] = positionals;
  if (name !== undefined && more.length === 0) return name;
  throw new UsageError(`bicot ${command}: ${question} For example \`npx bicot ${command} ${example}\`.`);
}
