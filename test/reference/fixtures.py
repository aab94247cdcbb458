"""Where the fixtures go, and how."""

import json
from pathlib import Path

import torch

FOLDER = Path(__file__).parent.parent / "fixtures"


def path(name):
    return FOLDER / name


def write_json(name, value):
    text = json.dumps({"source": f"PyTorch {torch.__version__}, float64; see test/reference", **value})
    path(name).write_text(text + "\n")
