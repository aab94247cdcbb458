"""Where the fixtures go, and how."""

import json
import math
from pathlib import Path

import torch

FOLDER = Path(__file__).parent.parent / "fixtures"
SOURCE = f"PyTorch {torch.__version__}, float64; see test/reference"


def path(name):
    return FOLDER / name


def read_json(name):
    return json.loads(path(name).read_text())


def write_json(name, value):
    text = json.dumps({"source": SOURCE, **value})
    path(name).write_text(text + "\n")


def plain(value):
    """Tensors as lists, NaN as None: what JSON can hold. Infinities have no place in a fixture."""
    if isinstance(value, torch.Tensor):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        assert math.isnan(value), "an infinite value"
        return None
    return value


def write_cases(name, value):
    """As `write_json`, but with one line for each entry of what is nested, so that a changed case is a changed line."""
    lines = []
    for key, entry in plain({"source": SOURCE, **value}).items():
        if isinstance(entry, dict):
            inner = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in entry.items())
            lines.append(f" {json.dumps(key)}: {{\n{inner}\n }}")
        elif isinstance(entry, list) and entry and isinstance(entry[0], dict):
            inner = ",\n".join(f"  {json.dumps(item)}" for item in entry)
            lines.append(f" {json.dumps(key)}: [\n{inner}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(entry)}")
    path(name).write_text("{\n" + ",\n".join(lines) + "\n}\n")


def float32(values):
    """Numbers that float32 holds exactly, in float64: a float32 implementation then starts from the same inputs."""
    return torch.as_tensor(values).float().double()


def mask_of(lengths, width):
    """1 for the tokens of a row, 0 for what fills it up."""
    return (torch.arange(width) < torch.tensor(lengths).unsqueeze(1)).long()
