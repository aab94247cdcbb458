import { readFileSync } from 'node:fs';
import { decodePng } from 'bicot/node';
import { type Atlas, type AtlasIndex, cutAtlas } from './atlas.js';
import { demoFolder } from './demo-folder.js';

/** Reads the sprites that come with bicot. */
export function loadAtlas(): Atlas {
  const folder = demoFolder('atlas');
  const index = JSON.parse(readFileSync(new URL('atlas.json', folder), 'utf8')) as AtlasIndex;
  const sheet = decodePng(readFileSync(new URL('atlas.png', folder)));
  return cutAtlas(index, sheet.data, sheet.width);
}
