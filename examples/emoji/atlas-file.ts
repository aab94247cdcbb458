import { readFileSync } from 'node:fs';
import { decodePng } from 'bicot/node';
import { type Atlas, type AtlasIndex, cutAtlas } from './atlas.js';

/** Reads the atlas beside this file. */
export function loadAtlas(): Atlas {
  const folder = new URL('./atlas/', import.meta.url);
  const index = JSON.parse(readFileSync(new URL('atlas.json', folder), 'utf8')) as AtlasIndex;
  const sheet = decodePng(readFileSync(new URL('atlas.png', folder)));
  return cutAtlas(index, sheet.data, sheet.width);
}
