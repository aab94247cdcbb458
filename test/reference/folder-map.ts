/**
 * Draws the rooms of docs/architecture.md with the imports that are between them, into docs/images/folders.svg:
 *
 *     npm run docs:map
 *
 * test/browser-bundle.test.ts fails where the committed map is another.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FLOORS, importedFiles, readSources, roomOf, type Source } from '../support/sources.js';

/** Where the map is, from the root. */
export const MAP = 'docs/images/folders.svg';

/** What is in a room, in a few words. */
const WORDS: Readonly<Record<string, string>> = {
  index: 'the public names of bicot',
  browser: 'engines of pages, IndexedDB',
  node: 'engines of Node, files, commands',
  worker: 'what runs in a thread',
  distributed: 'a training over a queue',
  doctor: 'a run examined before it starts',
  conformance: 'policies, rewards, backends checked',
  evaluation: 'how certain a mean is',
  train: 'the loop, updates, checkpoints',
  parallel: 'a pool of workers',
  rollout: 'plan, then picture',
  sampling: 'groups of samples',
  models: 'Janus, LlamaGen, a transformer',
  data: 'rows of prompts',
  policy: 'the contract of a model',
  rewards: 'the contract, ensembles, rules',
  image: 'PNG',
  kernels: 'what models are made of',
  objective: 'advantages, loss, presets',
  backends: "engines' peculiarities",
  tensor: 'shapes, masks, seeded noise',
  basics: 'errors, options, small things',
};

/** Modules that lie in `src/` itself share a box, but for the manifest. */
const boxOf = (path: string): string =>
  path.split('/').length === 2 && roomOf(path) !== 'index' ? 'basics' : roomOf(path);

/** Which boxes a box imports, whatever for. */
function importsOf(sources: readonly Source[]): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const source of sources) {
    const from = boxOf(source.path);
    const own = found.get(from) ?? new Set();
    for (const path of importedFiles(source)) if (boxOf(path) !== from) own.add(boxOf(path));
    found.set(from, own);
  }
  return found;
}

/** Everything that is reached from a box by arrows. */
function reach(from: string, arrows: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const seen = new Set<string>();
  const visit = (box: string): void => {
    for (const next of arrows.get(box) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      visit(next);
    }
  };
  visit(from);
  return seen;
}

/** The arrows that no way over other boxes implies. */
function drawnArrows(imports: ReadonlyMap<string, ReadonlySet<string>>): [from: string, to: string][] {
  return [...imports].flatMap(([from, own]) =>
    [...own]
      .filter((to) => ![...own].some((over) => over !== to && reach(over, imports).has(to)))
      .map((to): [string, string] => [from, to]),
  );
}

const [WIDTH, BOX, HEIGHT, ROW, LEFT] = [1100, 214, 44, 84, 70];

/** Where each box is, top floor first. */
function placeBoxes(boxes: ReadonlySet<string>): ReadonlyMap<string, readonly [x: number, y: number]> {
  const rows = FLOORS.map((rooms) => [
    ...new Set(rooms.map((room) => (boxes.has(room) ? room : 'basics'))),
  ]).reverse();
  return new Map(
    rows.flatMap((row, at) =>
      row.map((box, i) => {
        const x = LEFT + (WIDTH - LEFT) * ((i + 0.5) / row.length) - BOX / 2;
        return [box, [Math.round(x), 40 + at * ROW]] as const;
      }),
    ),
  );
}

/** The map as SVG. The same imports between rooms give the same text. */
export function drawFolders(sources: readonly Source[]): string {
  const imports = importsOf(sources);
  const places = placeBoxes(new Set(imports.keys()));
  const at = (box: string) => places.get(box) as readonly [number, number];
  const arrows = drawnArrows(imports)
    .map(([from, to]) => {
      const [[x1, y1], [x2, y2]] = [at(from), at(to)];
      const level = y1 === y2;
      const side = x1 < x2 ? 1 : -1;
      const begin = level ? [x1 + (side > 0 ? BOX : 0), y1 + HEIGHT / 2] : [x1 + BOX / 2, y1 + HEIGHT];
      const end = level ? [x2 + (side > 0 ? 0 : BOX), y2 + HEIGHT / 2] : [x2 + BOX / 2, y2 - 2];
      const [[a, b], [c, d]] = [begin, end] as [[number, number], [number, number]];
      const bend = level ? `L${c} ${d}` : `C${a} ${b + 34} ${c} ${d - 34} ${c} ${d}`;
      return `<path d="M${a} ${b}${bend}" marker-end="url(#tip)"/>`;
    })
    .sort();
  const boxes = [...places].map(([box, [x, y]]) => {
    const all = [...(imports.get(box) ?? [])].sort().join(', ') || 'nothing';
    return `<g><title>${box} imports ${all}</title><rect x="${x}" y="${y}" width="${BOX}" height="${HEIGHT}" rx="6"/><text class="name" x="${x + BOX / 2}" y="${y + 18}">${box === 'index' ? 'index.ts' : box}</text><text x="${x + BOX / 2}" y="${y + 35}">${WORDS[box] ?? ''}</text></g>`;
  });
  const floors = FLOORS.map(
    (_, floor) =>
      `<text class="floor" x="20" y="${40 + (FLOORS.length - 1 - floor) * ROW + 27}">${floor}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${FLOORS.length * ROW + 50}" font-family="system-ui, sans-serif" font-size="11">
<title>Folders of src/ and their imports</title>
<!-- Drawn by npm run docs:map. Do not edit. -->
<style>rect{fill:#f3f6fa;stroke:#5b7083}text{fill:#1d2733;text-anchor:middle}.name{font-weight:600;font-size:14px}.floor{fill:#8495a6;font-size:16px}path{fill:none;stroke:#8aa0b5;stroke-width:1.3}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#8aa0b5;stroke:none"/></marker></defs>
<rect x="0" y="0" width="${WIDTH}" height="${FLOORS.length * ROW + 50}" style="fill:#fff;stroke:none"/>
<text x="${WIDTH / 2}" y="22">Folders of src/, and what imports what: arrows point to what is imported, and one that others imply is left out.</text>
${[...floors, ...arrows, ...boxes].join('\n')}
</svg>
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL(`../../${MAP}`, import.meta.url));
  writeFileSync(path, drawFolders(await readSources()));
}
