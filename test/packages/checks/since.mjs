/**
 * A plugin of TypeDoc: every public name is marked with the version that it came in, from since.json, as `@since` would.
 */
import { readFileSync } from 'node:fs';
import { CommentTag, Converter, ReflectionKind } from 'typedoc';

const since = JSON.parse(readFileSync(new URL('since.json', import.meta.url), 'utf8'));
/** The earliest version that a name has in any entry point: it may be in several. */
const earliest = new Map();
for (const names of Object.values(since)) {
  for (const [name, version] of Object.entries(names)) {
    const known = earliest.get(name);
    const earlier = known === undefined || version.localeCompare(known, 'en', { numeric: true }) < 0;
    if (earlier) earliest.set(name, version);
  }
}

const PUBLIC =
  ReflectionKind.Function |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable |
  ReflectionKind.Class;

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const reflection of project.getReflectionsByKind(PUBLIC)) {
      const version = earliest.get(reflection.name);
      if (version === undefined || !reflection.parent?.kindOf(ReflectionKind.Module | ReflectionKind.Project))
        continue;
      for (const documented of reflection.signatures ?? [reflection]) {
        // What has no docstring must stay without one, for the check that everything has.
        if (!documented.comment || documented.comment.getTag('@since')) continue;
        documented.comment.blockTags.push(new CommentTag('@since', [{ kind: 'text', text: version }]));
      }
    }
  });
}
