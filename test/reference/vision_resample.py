"""Pictures resized by PIL, for `src/rewards/transformers/resample.ts`.

    python vision_resample.py   writes ../fixtures/vision/resample.json
"""

import base64
import json

import numpy as np
import PIL
from PIL import Image
from transformers.image_transforms import get_size_with_aspect_ratio

from fixtures import path
from vision_picture import picture

SIZES = [(24, 18), (31, 40), (7, 5), (24, 40), (11, 18), (1, 1), (96, 2)]
EDGES = [(384, 384), (640, 480), (480, 640), (300, 1000), (2000, 400), (801, 800), (800, 1333), (17, 13), (1333, 1332)]


def main():
    image = picture(24, 18, 1)
    noise = np.random.default_rng(3).integers(0, 256, image.shape, dtype=np.uint8)
    cases = []
    for name, pixels in (("picture", image), ("noise", noise)):
        for number in range(6):
            for width, height in SIZES:
                resized = np.asarray(Image.fromarray(pixels).resize((width, height), resample=number))
                cases.append({"of": name, "filter": number, "size": [width, height], "data": packed(resized)})
    edges = [
        {"of": [w, h], "size": list(reversed(get_size_with_aspect_ratio((h, w), 800, 1333)))} for w, h in EDGES
    ]
    value = {"source": f"Pillow {PIL.__version__}; see test/reference", "noise": packed(noise), "cases": cases, "edges": edges}
    path("vision/resample.json").write_text(json.dumps(value) + "\n")


def packed(pixels):
    return base64.b64encode(pixels.tobytes()).decode()


if __name__ == "__main__":
    main()
