"""Whole models that bicot wrote, read by safetensors and computed by `llamagen.py`.

    python llamagen_saved.py DIR   of what write-llamagen.ts wrote to DIR; prints how far log-probs are from those that bicot
                                   computed with its adapters; stops if a tensor is missing or left over, of another shape,
                                   or they differ by more than float32 explains
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from llamagen import CLASS, TEXT, class_samples, draw_weights, log_probs, next_logits, shapes, text_samples

TOLERANCE = 1e-5


def differences(folder, config, samples):
    """Of bicot's log-probs from those of the saved weights, and from those of the weights before, which must differ."""
    (file,) = [f for f in folder.glob("*.safetensors") if not f.name.startswith("vq")]
    saved = load_file(file)
    assert {name: tuple(w.shape) for name, w in saved.items()} == dict(shapes(config)), saved.keys()
    theirs = torch.tensor(json.loads((folder / "log-probs.json").read_text()))
    for weights in ({name: w.double() for name, w in saved.items()}, draw_weights(config)):
        with torch.no_grad():
            ours = [log_probs(next_logits(config, weights, s, s["tokens"][:-1]), s["tokens"]) for s in samples]
        yield (torch.stack(ours) - theirs).abs().max().item()


def main():
    for kind, config, samples in (("class", CLASS, class_samples()), ("text", TEXT, text_samples())):
        after, before = differences(Path(sys.argv[1]) / kind, config, samples)
        print(f"{kind}: log-probs differ by {after:.1e}, without the adapters by {before:.1e}")
        assert after < TOLERANCE < before


if __name__ == "__main__":
    main()
