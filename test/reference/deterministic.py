"""The weights of test/support/tiny-janus.ts: a stream of numbers that a parameter's name seeds."""

import math

import numpy as np
import torch

TABLES = ("language_model.model.embed_tokens", "gen_embed", "gen_vision_model.quantize.embedding")


def fnv1a(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def mulberry32(seed, count):
    """`count` numbers of [0, 1), in float64."""
    state = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5)).astype(np.uint32)
    # Products of uint32 wrap, as those of the 32-bit original do.
    t = (state ^ (state >> 15)) * (state | 1)
    t ^= t + (t ^ (t >> 7)) * (t | 61)
    return (t ^ (t >> 14)).astype(np.float64) / 2**32


def deterministic_weights(name, shape):
    """float32 numbers as float64. `name` is of the original layout, with its prefix."""
    r = 2 * mulberry32(fnv1a(name), math.prod(shape)) - 1
    owner = name.rsplit(".", 1)[0]
    if name.endswith(".bias"):
        r = 0.1 * r
    elif "norm" in owner.rsplit(".", 1)[-1]:
        r = 1 + 0.1 * r
    elif owner not in TABLES:
        r = r * math.sqrt(3 / math.prod(shape[1:]))
    return torch.from_numpy(r.astype(np.float32).astype(np.float64)).reshape(shape)
