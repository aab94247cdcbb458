"""Weights that follow from their names, so that any language can make them again without a file.

The numbers of a tensor are r = 2u - 1, row by row, with u from mulberry32 seeded by the FNV-1a hash of its name:
gains of norms are 1 + 0.1 r, biases 0.1 r, tables of embeddings r, and all others r · sqrt(3 / fan-in).
"""

import math

import torch


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def mulberry32(seed, count):
    """`count` numbers in [0, 1)."""
    word, state, values = 0xFFFFFFFF, seed, []
    for _ in range(count):
        state = (state + 0x6D2B79F5) & word
        t = ((state ^ (state >> 15)) * (state | 1)) & word
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & word)) & word
        values.append(((t ^ (t >> 14)) & word) / 2**32)
    return values


def uniform(name, shape):
    """In [-1, 1), float64."""
    values = mulberry32(fnv1a(name), math.prod(shape))
    return (2 * torch.tensor(values, dtype=torch.float64) - 1).reshape(shape)


def named_weight(name, shape, tables=()):
    """float64; `tables` are the names of what is not multiplied by: embeddings."""
    values = uniform(name, shape)
    if "norm" in name.split(".")[-2]:
        return 1 + 0.1 * values
    if name.endswith(".bias"):
        return 0.1 * values
    if name in tables:
        return values
    return values * math.sqrt(3 / math.prod(shape[1:]))
