"""PNG files of every colour type, with their pixels over white.

    python png.py   writes ../fixtures/png.json
"""

import base64
import io
import json
import random
from pathlib import Path

import PIL
from PIL import Image

WIDTH, HEIGHT = 7, 5  # rows of 1, 2 and 4 bits do not end with a byte


def noise(mode, count, top):
    source = random.Random(mode)
    return [source.randrange(top + 1) for _ in range(count)]


def picture(mode, channels, top=255):
    values = noise(mode, WIDTH * HEIGHT * channels, top)
    image = Image.new(mode, (WIDTH, HEIGHT))
    pixels = values if channels == 1 else list(zip(*[iter(values)] * channels))
    image.putdata(pixels)
    return image


def indexed(bits):
    image = picture("P", 1, 2**bits - 1)
    image.putpalette(noise(f"palette {bits}", 3 * 2**bits, 255))
    return image


def entry(name, image, **options):
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    read = Image.open(io.BytesIO(file.getvalue()))
    if read.mode.startswith("I"):
        # Pillow cuts 16 bits off at 255; 65535 / 255 = 257.
        rgb = bytes(c for v in read.getdata() for c in [round(v / 257)] * 3)
    else:
        white = []
        for *color, alpha in read.convert("RGBA").getdata():
            white += [round((c * alpha + 255 * (255 - alpha)) / 255) for c in color]
        rgb = bytes(white)
    text = lambda data: base64.b64encode(data).decode()
    return {"name": name, "file": text(file.getvalue()), "rgb": text(rgb)}


rgb = picture("RGB", 3)
grey = picture("L", 1)
cases = [
    entry("black and white", picture("1", 1, 1).point(lambda v: 255 * v)),
    entry("grey", grey),
    entry("grey with alpha", picture("LA", 2)),
    entry("grey, one value transparent", grey, transparency=grey.getpixel((2, 1))),
    entry("16 bits of grey", picture("I;16", 1, 65535)),
    entry("colour", rgb),
    entry("colour, one transparent", rgb, transparency=rgb.getpixel((3, 2))),
    entry("colour with alpha", picture("RGBA", 4)),
    *[entry(f"palette of {bits} bits", indexed(bits), bits=bits) for bits in (1, 2, 4, 8)],
    entry("palette with alpha", indexed(2), bits=2, transparency=bytes([0, 85, 170, 255])),
]
lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
head = json.dumps({"source": f"Pillow {PIL.__version__}; see test/reference", "width": WIDTH, "height": HEIGHT})
target = Path(__file__).parent.parent / "fixtures" / "png.json"
target.write_text(f'{head[:-1]}, "cases": [\n{lines}\n]}}\n')
