/**
 * Follows every link of the built site: to a page, to a place in it, to a file. `node links.mjs docs/api` prints the dead ones and
 * exits with 1 if there are any. Links to other hosts are not followed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** Code shown on a page may hold anything that looks like a link. */
const shownCode = /<pre>[\s\S]*?<\/pre>/g;
const text = (value) => value.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");

/** Dead links of the site in a folder, as `page: link`. */
export function deadLinks(folder) {
  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.html'),
  );
  const html = new Map(pages.map((page) => [normalize(page), readFileSync(join(folder, page), 'utf8')]));
  const places = new Map(
    [...html].map(([page, source]) => [
      page,
      new Set([...source.matchAll(/ id="([^"]*)"/g)].map((found) => text(found[1]))),
    ]),
  );
  const dead = [];
  let followed = 0;
  for (const [page, source] of html) {
    const links = source
      .replace(shownCode, '')
      .matchAll(/<(?:a|img|link|script)\b[^>]*? (?:href|src)="([^"]*)"/g);
    for (const [, raw] of links) {
      const link = text(raw);
      if (/^(?:[a-z]+:)|^\/\//i.test(link)) continue;
      followed++;
      const [path, place = ''] = link.split('#');
      const target =
        path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path.split('?')[0])));
      const here = places.get(target);
      const lost = here
        ? place !== '' && !here.has(decodeURIComponent(place))
        : !existsSync(join(folder, target));
      if (lost) dead.push(`${page}: ${link}`);
    }
  }
  return { dead: [...new Set(dead)], followed, pages: html.size };
}

if (process.argv[1] && import.meta.url.endsWith(relative('/', process.argv[1]))) {
  const { dead, followed, pages } = deadLinks(process.argv[2] ?? 'docs/api');
  for (const each of dead) console.log(`dead: ${each}`);
  console.log(`${followed} links on ${pages} pages, ${dead.length} dead`);
  if (pages < 100 || dead.length > 0) process.exit(1);
}
