"""Weights that follow from their names, so that any language can make them again without a file.

The numbers of a tensor are r = 2u - 1, row by row, with u from mulberry32 seeded by the FNV-1a hash of its name:
gains of norms are 1 + 0.1 r, biases 0.1 r, tables of embeddings r, and all others r · sqrt(3 / fan-in).
"""

import math

import numpy as np
import torch


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def mulberry32(seed, count):
    """`count` numbers in [0, 1), float64."""
    state = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5)).astype(np.uint32)
    # Products of uint32 wrap, as those of the 32-bit original do.
    t = (state ^ (state >> 15)) * (state | 1)
    t ^= t + (t ^ (t >> 7)) * (t | 61)
    return (t ^ (t >> 14)).astype(np.float64) / 2**32


def uniform(name, shape):
    """In [-1, 1), float64."""
    values = mulberry32(fnv1a(name), math.prod(shape))
    return (2 * torch.from_numpy(values) - 1).reshape(shape)


def named_weight(name, shape, tables=()):
    """float64; `tables` are the names of what is not multiplied by: embeddings."""
    values = uniform(name, shape)
    if name.endswith(".bias"):
        return 0.1 * values
    if "norm" in name.split(".")[-2]:
        return 1 + 0.1 * values
    if name in tables:
        return values
    return values * math.sqrt(3 / math.prod(shape[1:]))
