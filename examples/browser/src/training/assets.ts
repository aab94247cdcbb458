import { decodeSafetensors, type Safetensors } from 'bicot/models';
import { decodePng } from 'bicot/rewards/http';
import atlasIndex from '../../../emoji/atlas/atlas.json';
import atlasUrl from '../../../emoji/atlas/atlas.png?url';
import { type Atlas, type AtlasIndex, cutAtlas } from '../../../emoji/atlas.js';
import codebookUrl from '../../../emoji/base/codebook.safetensors?url';
import weightsUrl from '../../../emoji/base/model.safetensors?url';

/** What the demo ships with: the sprites, the image tokenizer and the base model's weights. */
export interface Assets {
  readonly atlas: Atlas;
  readonly codebook: Safetensors;
  readonly weights: Safetensors;
}

/** Fetches all of it. */
export async function fetchAssets(): Promise<Assets> {
  const [sheet, codebook, weights] = await Promise.all([atlasUrl, codebookUrl, weightsUrl].map(fetchBytes));
  // Not by way of a canvas: browsers that protect against fingerprinting change a few pixels of what is read from one, and
  // the codebook knows its patches to the bit.
  const { data, width } = decodePng(sheet as Uint8Array);
  return {
    atlas: cutAtlas(atlasIndex as AtlasIndex, data, width),
    codebook: decodeSafetensors(codebook as Uint8Array, 'the codebook'),
    weights: decodeSafetensors(weights as Uint8Array, 'the base weights'),
  };
}

async function fetchBytes(url: string): Promise<Uint8Array<ArrayBuffer>> {
  // In a built page the URL is relative to this script, in development to the server's root.
  const response = await fetch(new URL(url, import.meta.url));
  if (!response.ok) {
    throw new Error(
      `${url} could not be fetched: ${response.status} ${response.statusText}. Reload the page.`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
