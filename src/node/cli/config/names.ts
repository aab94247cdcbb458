import type { IssuePath, KnownFields } from './words.js';

/** What of a valibot schema says which fields there are. */
interface Schema {
  readonly type: string;
  /** What is wanted, in words, as bicot's schemas have it. */
  readonly message?: unknown;
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly wrapped?: unknown;
  readonly getter?: (input: unknown) => unknown;
  readonly key?: string;
  readonly options?: readonly unknown[];
  readonly value?: unknown;
}

/** Looks up in a schema which fields an object may have where one is wrong, and what is wanted of one that is missing. */
export function fieldsIn(root: unknown): KnownFields {
  const objectAt = (path: IssuePath): Schema | undefined => {
    let at: unknown = root;
    for (const { key, input } of path.slice(0, -1)) at = fieldOf(concrete(at, input), String(key));
    return concrete(at, path.at(-1)?.input);
  };
  return {
    names: (path) => Object.keys(objectAt(path)?.entries ?? {}),
    wanted(path) {
      const { message } = concrete(fieldOf(objectAt(path), String(path.at(-1)?.key)), undefined) ?? {};
      return typeof message === 'string' ? message : undefined;
    },
  };
}

/** Without what stands around a schema, and the one of several that is meant by what was given. */
function concrete(schema: unknown, input: unknown): Schema | undefined {
  const given = schema as Schema | undefined;
  switch (given?.type) {
    case 'optional':
      return concrete(given.wrapped, input);
    case 'lazy':
      return concrete(given.getter?.(input), input);
    case 'variant': {
      const name = given.key as string;
      const wanted = (input as Readonly<Record<string, unknown>> | undefined)?.[name];
      const options = given.options as readonly Schema[];
      const meant = options.find(
        ({ entries }) => (entries?.[name] as { literal?: unknown })?.literal === wanted,
      );
      return meant ?? { type: given.type, message: given.message };
    }
    default:
      return given;
  }
}

const fieldOf = (schema: Schema | undefined, name: string): unknown =>
  schema?.type === 'record' ? schema.value : schema?.entries?.[name];
