import { existsSync } from 'node:fs';

/** Beside this file in the sources; in the package, beside the demo's own code or below the library's. */
const PLACES = ['./', './demo/'];

/**
 * A folder that comes with the demo, `atlas` or `base`, wherever the build has put this code.
 * @returns its URL, which ends in a slash
 */
export function demoFolder(name: 'atlas' | 'base'): URL {
  const urls = PLACES.map((place) => new URL(`${place}${name}/`, import.meta.url));
  const found = urls.find((url) => existsSync(url));
  if (found === undefined) throw new Error(`The demo's folder ${name} is missing from this copy of bicot.`);
  return found;
}
