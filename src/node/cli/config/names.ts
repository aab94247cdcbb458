import type { KnownNames } from './words.js';

/** What of a valibot schema says which fields there are. */
interface Schema {
  readonly type: string;
  readonly entries?: Readonly<Record<string, unknown>>;
  readonly wrapped?: unknown;
  readonly getter?: (input: unknown) => unknown;
  readonly key?: string;
  readonly options?: readonly unknown[];
  readonly value?: unknown;
}

/** Looks up in a schema which fields an object may have where one has a field that it may not. */
export function namesIn(root: unknown): KnownNames {
  return (path) => {
    let at: unknown = root;
    for (const { key, input } of path.slice(0, -1)) at = fieldOf(concrete(at, input), String(key));
    return Object.keys(concrete(at, path.at(-1)?.input)?.entries ?? {});
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
      const wanted = (input as Readonly<Record<string, unknown>>)[name];
      return (given.options as readonly Schema[]).find(
        ({ entries }) => (entries?.[name] as { literal?: unknown })?.literal === wanted,
      );
    }
    default:
      return given;
  }
}

const fieldOf = (schema: Schema | undefined, name: string): unknown =>
  schema?.type === 'record' ? schema.value : schema?.entries?.[name];
