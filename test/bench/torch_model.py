"""The transformer of src/models/transformer in eager PyTorch, written for speed as a good user would."""

import json
import math
import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

NEVER = float("-inf")
# Where everything is computed; small things are made on the host and brought there whole.
DEVICE = torch.device(os.environ.get("BENCH_TORCH_DEVICE", "cpu"))


class Problem:
    """A folder that make-problem.ts wrote."""

    def __init__(self, folder):
        with open(os.path.join(folder, "problem.json")) as file:
            self.__dict__.update(json.load(file))
        self.weights = load_file(os.path.join(folder, "weights.safetensors"), device=str(DEVICE))

    def unconditional(self, ids):
        return [i for i in ids if i < self.config["specialTokens"]]


class Model:
    """Weights and the passes over them. Products stay separate: one for query, key and value was no faster."""

    def __init__(self, config, weights, trained):
        self.config = config
        self.heads, self.size = config["heads"], config["width"] // config["heads"]
        self.weights = {name: value.clone().requires_grad_(trained) for name, value in weights.items()}
        longest = 4096
        half = torch.arange(0, self.size, 2, dtype=torch.float64) / self.size
        angle = torch.outer(torch.arange(longest, dtype=torch.float64), config["ropeTheta"] ** -half)
        angle = torch.cat([angle, angle], -1)
        self.cos, self.sin = angle.cos().float().to(DEVICE), angle.sin().float().to(DEVICE)

    def norm(self, x, name):
        return F.rms_norm(x, (self.config["width"],), self.weights[name], self.config["rmsEpsilon"])

    def rotate(self, x, cos, sin):
        first, second = x.chunk(2, -1)
        return x * cos + torch.cat([-second, first], -1) * sin

    def embed(self, ids, image_positions):
        return F.embedding(ids, self.weights["embedding"]) + F.embedding(image_positions, self.weights["imagePosition"])

    def layer(self, index, x, cos, sin, mask, causal, cache=None, at=0):
        """x: [N, S, d]; cache: preallocated keys and values [N, H, T, D], filled up to `at`."""
        w = lambda name: self.weights[f"blocks.{index}.{name}"]
        rows, length, width = x.shape
        y = self.norm(x, f"blocks.{index}.attentionNorm")
        by_head = lambda z: z.view(rows, length, self.heads, self.size).transpose(1, 2)
        query, key = (self.rotate(by_head(y @ w(name)), cos, sin) for name in ("query", "key"))
        value = by_head(y @ w("value"))
        if cache is not None:
            keys, values = cache
            keys[:, :, at : at + length] = key
            values[:, :, at : at + length] = value
            key, value = keys[:, :, : at + length], values[:, :, : at + length]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        x = x + attended.transpose(1, 2).reshape(rows, length, width) @ w("output")
        y = self.norm(x, f"blocks.{index}.mlpNorm")
        return x + (F.silu(y @ w("gate")) * (y @ w("up"))) @ w("down")

    def head(self, x, image):
        return self.norm(x, "finalNorm") @ self.weights["imageHead" if image else "textHead"]

    def completion_logits(self, contexts, tokens, image):
        """[N, T, V]: what predicts each completion token; padding on the right, hidden by causality."""
        config = self.config
        offset = config["textVocabulary"] if image else 0
        joined = [list(c) + [t + offset for t in row[:-1]] for c, row in zip(contexts, tokens)]
        length = max(map(len, joined))
        ids = torch.zeros(len(joined), length, dtype=torch.long)
        positions = torch.full_like(ids, config["imageLength"])
        width = max(map(len, tokens))
        picked = torch.zeros(len(joined), width, dtype=torch.long)
        for n, (row, context) in enumerate(zip(joined, contexts)):
            ids[n, : len(row)] = torch.tensor(row)
            first = len(context) - 1
            if image:
                positions[n, first : len(row)] = torch.arange(len(row) - first)
            picked[n, : len(tokens[n])] = torch.arange(first, first + len(tokens[n]))
        x = self.embed(ids.to(DEVICE), positions.to(DEVICE))
        for index in range(config["layers"]):
            x = self.layer(index, x, self.cos[:length], self.sin[:length], None, True)
        rows = torch.arange(len(joined), device=DEVICE)[:, None]
        return self.head(x[rows, picked.to(DEVICE)], image)

    def log_probs(self, problem, level, rows):
        """[N, T], 0 on padding."""
        contexts, tokens, sampling = level["contexts"][rows], level["tokens"][rows], level["sampling"]
        image = level["space"] == "image"
        logits = self.completion_logits(contexts, tokens, image)
        if sampling["guidance"] != 1:
            without = self.completion_logits([problem.unconditional(c) for c in contexts], tokens, image)
            logits = without + sampling["guidance"] * (logits - without)
        targets = padded(tokens, dtype=torch.long)
        losses = F.cross_entropy((logits / sampling["temperature"]).flatten(0, 1), targets.flatten(), reduction="none")
        return -losses.view_as(targets)


def empty(shape):
    return torch.empty(shape, device=DEVICE)


def padded(rows, dtype=torch.float32):
    """A matrix of lists of different lengths."""
    result = torch.zeros(len(rows), max(map(len, rows)), dtype=dtype)
    for n, row in enumerate(rows):
        result[n, : len(row)] = torch.tensor(row, dtype=dtype)
    return result.to(DEVICE)


class Decoder:
    """Keys and values in one preallocated buffer; each context is computed once and its cache expanded."""

    def __init__(self, model, contexts, copies, image, max_tokens):
        self.model, self.image, config = model, image, model.config
        self.lengths = torch.tensor([len(c) for c in contexts], device=DEVICE).repeat_interleave(copies)
        self.context = max(map(len, contexts))
        rows, total = len(contexts) * copies, self.context + max_tokens
        shape = (rows, model.heads, total, model.size)
        self.cache = [(empty(shape), empty(shape)) for _ in range(config["layers"])]
        self.ragged = min(map(len, contexts)) < self.context
        if self.ragged:
            place = torch.arange(total, device=DEVICE)[None]
            hidden = (place >= self.lengths[:, None]) & (place < self.context)
            self.mask = torch.zeros(rows, total, device=DEVICE).masked_fill_(hidden, NEVER)[:, None, None]
        self.copies, self.fed = copies, 0
        self.logits = self.prefill(contexts)

    def prefill(self, contexts):
        model, config = self.model, self.model.config
        ids = padded(contexts, dtype=torch.long)
        positions = torch.full_like(ids, config["imageLength"])
        last = torch.tensor([len(c) - 1 for c in contexts], device=DEVICE)
        rows = torch.arange(len(contexts), device=DEVICE)
        if self.image:
            positions[rows, last] = 0
        x = model.embed(ids, positions)
        length = self.context
        for index, (keys, values) in enumerate(self.cache):
            shape = (len(contexts), model.heads, length, model.size)
            own = (empty(shape), empty(shape))
            x = model.layer(index, x, model.cos[:length], model.sin[:length], None, True, own, 0)
            keys[:, :, :length] = own[0].repeat_interleave(self.copies, 0)
            values[:, :, :length] = own[1].repeat_interleave(self.copies, 0)
        return model.head(x[rows, last], self.image).repeat_interleave(self.copies, 0)

    def step(self, tokens):
        model, config = self.model, self.model.config
        self.fed += 1
        positions = torch.full_like(tokens, self.fed if self.image else config["imageLength"])
        ids = tokens + config["textVocabulary"] if self.image else tokens
        x = model.embed(ids[:, None], positions[:, None])
        at = self.context + self.fed - 1
        where = self.lengths + self.fed - 1
        mask = None
        if self.ragged:
            cos, sin = model.cos[where][:, None, None], model.sin[where][:, None, None]
            mask = self.mask[..., : at + 1]
        else:
            cos, sin = model.cos[at], model.sin[at]
        for index, cache in enumerate(self.cache):
            x = model.layer(index, x, cos, sin, mask, False, cache, at)
        self.logits = model.head(x[:, 0], self.image)
