"""Pictures that Python and TypeScript (`../support/vision-picture.ts`) draw alike, in whole numbers: a gradient, a box and
a disc."""

import numpy as np


def picture(width, height, which):
    """[height, width, 3], uint8. `which` moves and colours what is on it."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([255 * x // (width - 1), 255 * y // (height - 1), np.full_like(x, 90 + 20 * which)], -1)
    box = (16 * x >= width * (1 + 2 * which)) & (16 * x < width * (6 + 2 * which)) & (4 * y >= height) & (4 * y < 3 * height)
    pixels[box] = [220 - 40 * which, 30 + 50 * which, 40]
    side = min(width, height)
    # Four times the distance to the centre, which lies between pixels of an even side.
    dx, dy = 4 * x - (3 - which) * width, 4 * y - 2 * height
    pixels[25 * (dx * dx + dy * dy) < 9 * side * side] = [20, 60 + 60 * which, 230 - 60 * which]
    return pixels.astype(np.uint8)
