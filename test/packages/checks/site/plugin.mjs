/**
 * What TypeDoc does not do by itself for this site: pages are called by their first heading and sorted into groups, modules by
 * the names they are imported under, the API into the rooms of docs/architecture.md, and a name in code style, `like this`,
 * is a link to its page.
 */
import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { CommentTag, Converter, DocumentReflection, PageEvent, ReflectionKind } from 'typedoc';

/** What the rooms are called, by folder; the first that fits. */
const ROOMS = [
  ['src/train/', 'Training'],
  ['src/doctor/', 'Doctor'],
  ['src/conformance/', 'Conformance'],
  ['src/evaluation/', 'Evaluation'],
  ['src/parallel/', 'Workers'],
  ['src/rollout/', 'Rollouts'],
  ['src/sampling/', 'Sampling'],
  ['src/rewards/', 'Rewards'],
  ['src/data/', 'Rewards'],
  ['src/policy/', 'Policy'],
  ['src/objective/', 'Objective'],
  ['src/kernels/', 'Kernels'],
  ['src/tensor/', 'Tensors'],
  ['src/recipe.ts', 'Workers'],
  ['src/errors.ts', 'Errors'],
  ['src/models/checkpoints/', 'Checkpoints'],
  ['src/models/lora/', 'LoRA'],
  ['src/models/estimate/', 'Memory and arithmetic'],
  ['src/models/vq/', 'Image tokenizers'],
  ['src/node/run/', 'Runs'],
  ['src/node/tensorboard/', 'Runs'],
  ['src/node/report/', 'Report'],
];

/** Names that are words of their own in most sentences: never linked by themselves. */
const WORDS = new Set([
  'checkpoint',
  'attention',
  'clip',
  'constant',
  'kl',
  'ratio',
  'rotate',
  'score',
  'balanced',
  'embed',
]);

export function load(app) {
  const root = process.cwd();
  const { modules: entries, groups } = JSON.parse(
    readFileSync(`${root}/test/packages/checks/site/pages.json`, 'utf8'),
  );
  const groupOf = new Map(
    Object.entries(groups).flatMap(([group, pages]) => pages.map((page, at) => [page, { group, at }])),
  );
  const rooms = new Map();
  const pages = new Map();

  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, page) => {
    const heading = page.content.find(({ kind, text }) => kind === 'text' && text.startsWith('# '));
    if (!heading) throw new Error(`${page.name}.md: the first line has to be its title, "# …".`);
    const [title, ...rest] = heading.text.split('\n');
    page.name = title.slice(2).trim();
    heading.text = rest.join('\n');
    // A line that begins with a value's mark would be glued to the line before.
    for (const part of page.content) part.text = part.text.replaceAll(/(?<=\S)\n[ \t]*(?=<!-- = )/g, ' ');
  });

  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    const file = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.getSourceFile().fileName;
    if (!file) return;
    const path = relative(root, file).split(sep).join('/');
    const room = ROOMS.find(([folder]) => path.startsWith(folder))?.[1];
    if (reflection.kindOf(ReflectionKind.Module)) {
      if (!entries[path]) throw new Error(`${path}: pages.json has no name under which it is imported.`);
      reflection.name = entries[path];
    } else if (room && reflection.parent?.kindOf(ReflectionKind.SomeModule)) rooms.set(reflection, room);
  });

  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const page of project.documents ?? []) {
      const path = project.files.getReflectionPath(page);
      const at = relative(root, path ?? '')
        .split(sep)
        .join('/');
      // A page that nobody put anywhere stands last in the manual.
      const place = groupOf.get(at) ?? { group: 'Manual', at: Number.POSITIVE_INFINITY };
      page.frontmatter.group = place.group;
      pages.set(page, place.at);
    }
    for (const [reflection, room] of rooms) {
      const comment = reflection.comment ?? reflection.signatures?.find((each) => each.comment)?.comment;
      comment?.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: room }]));
    }
  });

  // After groups were made (priority 0) and before links are resolved (-300).
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      const byName = new Map();
      for (const module of project.children ?? []) {
        for (const child of module.children ?? []) {
          if (!byName.has(child.name) && !child.isReference?.()) byName.set(child.name, child);
        }
      }
      for (const name of WORDS) byName.delete(name);
      const link = (owner, parts) => linked(owner, parts, byName);
      for (const reflection of Object.values(project.reflections)) {
        if (reflection instanceof DocumentReflection)
          reflection.content = link(reflection, reflection.content);
        if (!reflection.comment) continue;
        reflection.comment.summary = link(reflection, reflection.comment.summary);
        for (const tag of reflection.comment.blockTags) tag.content = link(reflection, tag.content);
      }
      if (project.readme) project.readme = link(project, project.readme);
      for (const group of project.groups ?? []) {
        group.children.sort((a, b) => (pages.get(a) ?? 0) - (pages.get(b) ?? 0));
      }
    },
    -200,
  );

  // A table in a box can be as wide as it wants, and is pushed aside in it.
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = page.contents
      ?.replaceAll('<table>', '<div class="bicot-table"><table>')
      .replaceAll('</table>', '</table></div>');
  });
}

/** The parts of a text with every name of the API in code style made a link, but for headings and links that are there. */
function linked(owner, parts, byName) {
  return parts.map((part, at) => {
    if (part.kind !== 'code') return part;
    const [, name] = /^`([A-Za-z_]\w*)(?:\(\))?`$/.exec(part.text) ?? [];
    const target = name && byName.get(name);
    if (!target || isInside(owner, target)) return part;
    const line = parts
      .slice(0, at)
      .map(({ text }) => text)
      .join('')
      .split('\n')
      .at(-1);
    const rest = parts
      .slice(at + 1)
      .map(({ text }) => text)
      .join('')
      .split('\n')[0];
    if (line.startsWith('#') || (/\[[^\]]*$/.test(line.replace(/`[^`]*`/g, '')) && /^[^[]*\]\(/.test(rest)))
      return part;
    return { kind: 'inline-tag', tag: '@linkcode', text: part.text.slice(1, -1), target };
  });
}

function isInside(owner, target) {
  for (let each = owner; each; each = each.parent) if (each === target) return true;
  return false;
}
