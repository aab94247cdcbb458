import { type RotaryTables, rotaryTablesOf } from '../../kernels/rotary.js';
import { conditionLength, type LlamaGenConfig } from './config.js';

/**
 * Rotary tables of LlamaGen's sequences: the condition's tokens, then the image's, row by row. In each half of a head's
 * channels the first half turns by the token's row, the rest by its column. The condition has zeros, cosines included:
 * its queries and keys vanish wherever it stands, so that every token gives each of its tokens the score 0.
 * @param conditionTokens how many tokens stand before the image; as many as the model takes if left out
 * @param positions `[P]`, counted from the condition's first token; all of the sequence if left out. What lies beyond the
 * image continues its rows.
 * @returns owned by the caller
 */
export function llamaGenRotary(
  config: LlamaGenConfig,
  conditionTokens: number = conditionLength(config),
  positions: ArrayLike<number> = allPositions(conditionTokens + config.grid ** 2),
): RotaryTables {
  const size = config.width / config.heads;
  return rotaryTablesOf(positions.length, size, (p, i) => {
    const place = (positions[p] as number) - conditionTokens;
    return place < 0 ? undefined : angleOf(config, place, i);
  });
}

/** How far the `i`th pair of channels turns for the image token at a place. */
function angleOf({ width, heads, grid, ropeTheta }: LlamaGenConfig, place: number, i: number): number {
  const quarter = width / heads / 4;
  const coordinate = i < quarter ? Math.floor(place / grid) : place % grid;
  return coordinate * ropeTheta ** (-(i % quarter) / quarter);
}

function allPositions(count: number): number[] {
  return Array.from({ length: count }, (_, position) => position);
}
