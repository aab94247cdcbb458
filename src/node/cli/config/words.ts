import { BicotError } from '../../../errors.js';

/** What valibot says is wrong. */
export interface Issue {
  readonly message: string;
  readonly expected?: string | null;
  readonly received: string;
  readonly type: string;
  readonly input: unknown;
  readonly path?: readonly { readonly key: unknown; readonly input: unknown }[];
}

/** The way to a value, each part with the object that it is a field of. */
export type IssuePath = NonNullable<Issue['path']>;

/** What is known of the fields of a configuration. */
export interface KnownFields {
  /** Names of those beside the one at the end of a path. */
  names(path: IssuePath): readonly string[];
  /** What the one at the end of a path has to be, in words; undefined if nobody said. */
  wanted(path: IssuePath): string | undefined;
}

/** @param where the file; each issue names field, value and what is allowed */
export function configError(where: string, issues: readonly Issue[], known: KnownFields): BicotError {
  const lines = issues.slice(0, 5).map((issue) => inWords(issue, known));
  const more = issues.length > 5 ? ` And ${issues.length - 5} more.` : '';
  return new BicotError('value', `${where}: ${lines.join('; ')}.${more} docs/cli.md lists the fields.`);
}

function inWords({ message, expected, input, type, path = [] }: Issue, known: KnownFields): string {
  const field = path.map(({ key }) => String(key)).join('.') || 'the configuration';
  if (type === 'strict_object' && expected === 'never') {
    const name = String(path.at(-1)?.key);
    const near = nearest(name, known.names(path));
    return `there is no field ${field}${near ? `; did you mean ${[...path.slice(0, -1).map(({ key }) => key), near].join('.')}` : ''}`;
  }
  const what = wanted(message, expected);
  if (input === undefined) {
    // Of a field that is not there, the library only knows the name.
    const expectation = what.startsWith('"') ? known.wanted(path) : what;
    return `${field} is missing${expectation ? `; expected ${expectation}` : ''}`;
  }
  return `${field} is ${short(input)}; expected ${what}`;
}

/** Rules of bicot's own speak for themselves; the library's messages begin with "Invalid". */
const wanted = (message: string, expected: string | null | undefined): string =>
  message.startsWith('Invalid') ? (expected ?? 'something else') : message;

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

/** The known name with the fewest edits to it, if they are few. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((one) => ({ one, edits: distance(name.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best && best.edits <= Math.max(1, name.length / 3) ? best.one : undefined;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
