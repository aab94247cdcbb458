"""What TensorBoard reads from the event files that bicot wrote (`write-tensorboard.ts`), and whether it is what
`metrics.jsonl` beside them says. Writes `../fixtures/tensorboard/read.json`. With a folder as argument, and `--check`,
it reads that run, compares, and writes nothing.

Needs `pip install tensorboard==2.21.0 pillow==12.3.0 setuptools==65.5.0`, in an environment of its own; no TensorFlow.
"""

import io
import json
import math
import os
import struct
import sys
from dataclasses import asdict

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginAccumulator

HERE = os.path.dirname(os.path.abspath(__file__))
ALL = {"scalars": 0, "histograms": 0, "images": 0, "tensors": 0}
# Tags of metrics that are under the same names in metrics.jsonl.
SAME = {
    "reward/mean": ("reward", "mean"),
    "reward/std": ("reward", "std"),
    "losses/loss": ("loss",),
    "losses/grad_norm": ("gradNorm",),
    "charts/learning_rate": ("learningRate",),
    "advantages/std": ("advantages", "std"),
}


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def at(record, path):
    for name in path:
        record = record[name]
    return record


def compare(folder, accumulator):
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf8") as lines:
        records = [json.loads(line) for line in lines]
    for name in records[0]["reward"]["byMember"]:
        SAME[f"reward/{name}"] = ("reward", "byMember", name, "mean")
    for name in records[0]["levels"]:
        SAME[f"levels/{name}/kl"] = ("levels", name, "kl")
        SAME[f"levels/{name}/entropy"] = ("levels", name, "entropy")
    compared = 0
    for tag, path in SAME.items():
        read = [(event.step, event.value) for event in accumulator.Scalars(tag)]
        said = [(record["step"], at(record, path)) for record in records]
        said = [(step, float32(value)) for step, value in said if value is not None]
        assert read == said, f"{tag}: TensorBoard has {read}, metrics.jsonl {said}"
        compared += len(read)
    print(f"{len(SAME)} series, {compared} numbers: the same as in metrics.jsonl")


def number(value):
    return None if math.isnan(value) else value


def picture(event):
    image = Image.open(io.BytesIO(event.encoded_image_string))
    assert image.size == (event.width, event.height)
    pixels = list(image.convert("RGB").tobytes())
    return {"step": event.step, "width": event.width, "height": event.height, "sum": sum(pixels)}


def texts(folder):
    """As TensorBoard's pages read them."""
    accumulator = PluginAccumulator(folder, size_guidance=ALL)
    accumulator.Reload()
    plugins = {}
    for plugin in ("scalars", "histograms", "images", "text"):
        plugins[plugin] = sorted(accumulator.PluginTagToContent(plugin))
    config = accumulator.Tensors("config") if "config" in plugins["text"] else []
    return plugins, [[text.decode("utf8") for text in event.tensor_proto.string_val] for event in config]


def main():
    folder = next((a for a in sys.argv[1:] if not a.startswith("--")), os.path.join(HERE, "../fixtures/tensorboard"))
    accumulator = EventAccumulator(folder, size_guidance=ALL)
    accumulator.Reload()
    tags = accumulator.Tags()
    compare(folder, accumulator)
    plugins, config = texts(folder)
    read = {
        "fileVersion": accumulator.file_version,
        "scalars": {
            tag: [[event.step, number(event.value)] for event in accumulator.Scalars(tag)] for tag in tags["scalars"]
        },
        "histograms": {
            tag: [{"step": event.step, **asdict(event.histogram_value)} for event in accumulator.Histograms(tag)]
            for tag in tags["histograms"]
        },
        "images": {tag: [picture(event) for event in accumulator.Images(tag)] for tag in tags["images"]},
        "plugins": {name: len(of) for name, of in plugins.items()},
        "config": config,
    }
    assert set(plugins["scalars"]) == set(tags["scalars"])
    if "--check" in sys.argv:
        print({name: len(of) for name, of in plugins.items()})
        return
    with open(os.path.join(folder, "read.json"), "w", encoding="utf8") as file:
        json.dump(read, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


main()
