"""Janus in eager PyTorch, as a good user would write it: KV cache, SDPA, checkpointed blocks, LoRA beside frozen matrices.

The weights follow from their names, as in ../../reference/named_weights.py, but are made on the device, in parts: those of
1B parameters are never anywhere else.
"""

import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

sys.path.append(str(Path(__file__).parent.parent.parent / "reference"))
from janus_weights import TABLES
from named_weights import fnv1a
from vq_decoder import PREFIX, Vq

MASK = 0xFFFFFFFF
PART = 2**24
EPSILON = 1e-6
THETA = 10000.0


def named_weight(name, shape, device):
    """What `named_weights.named_weight` gives, as float32 on a device."""
    count, seed = math.prod(shape), fnv1a(name)
    values = torch.empty(count, device=device)
    offset, factor = 0.0, math.sqrt(3 / math.prod(shape[1:]))
    if name.endswith(".bias"):
        factor = 0.1
    elif "norm" in name.split(".")[-2]:
        offset, factor = 1.0, 0.1
    elif name in TABLES:
        factor = 1.0
    for begin in range(0, count, PART):
        # mulberry32; products of int64 wrap, and only their lower half counts.
        end = min(count, begin + PART)
        t = (seed + torch.arange(begin + 1, end + 1, device=device) * 0x6D2B79F5) & MASK
        t = ((t ^ (t >> 15)) * (t | 1)) & MASK
        t = t ^ ((t + (t ^ (t >> 7)) * (t | 61)) & MASK)
        t = t ^ (t >> 14)
        values[begin:end] = (offset + factor * (t.double() * 2**-31 - 1)).float()
    return values.view(*shape)


class Linear:
    """A frozen matrix [out, in], and an adapter beside it."""

    def __init__(self, path, shape, rank, scale, device):
        self.weight = named_weight(f"{path}.weight", shape, device)
        down = named_weight(f"{path}.lora_A.weight", [rank, shape[1]], device)
        up = named_weight(f"{path}.lora_B.weight", [shape[0], rank], device) * scale
        self.down, self.up = down.requires_grad_(), up.requires_grad_()

    def __call__(self, x, adapted):
        y = F.linear(x, self.weight)
        return y + F.linear(F.linear(x, self.down), self.up) if adapted else y


class Block:
    MATRICES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
    GATED = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")

    def __init__(self, index, size, scale, device):
        d, f, path = size["width"], size["hidden"], f"language_model.model.layers.{index}."
        self.heads, self.size = size["heads"], d // size["heads"]
        make = lambda name, rows, columns: Linear(path + name, [rows, columns], size["rank"], scale, device)
        shapes = [(d, d)] * 4 + [(f, d), (f, d), (d, f)]
        self.linear = {name: make(name, *shape) for name, shape in zip(self.MATRICES + self.GATED, shapes)}
        self.query, self.key, self.value, self.output, self.gate, self.up, self.down = self.linear.values()
        self.norm = named_weight(f"{path}input_layernorm.weight", [d], device)
        self.mlp_norm = named_weight(f"{path}post_attention_layernorm.weight", [d], device)
        self.path = path

    def __call__(self, x, cos, sin, adapted, mask=None, causal=True, cache=None, at=0):
        """x: [N, S, d]; cache: preallocated keys and values [N, H, T, D], filled up to `at`."""
        rows, length, width = x.shape
        by_head = lambda y: y.view(rows, length, self.heads, self.size).transpose(1, 2)
        y = F.rms_norm(x, (width,), self.norm, EPSILON)
        query, key = (rotate(by_head(m(y, adapted)), cos, sin) for m in (self.query, self.key))
        value = by_head(self.value(y, adapted))
        if cache is not None:
            keys, values = cache
            keys[:, :, at : at + length] = key
            values[:, :, at : at + length] = value
            key, value = keys[:, :, : at + length], values[:, :, : at + length]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)
        x = x + self.output(attended.transpose(1, 2).reshape(rows, length, width), adapted)
        y = F.rms_norm(x, (width,), self.mlp_norm, EPSILON)
        return x + self.down(F.silu(self.gate(y, adapted)) * self.up(y, adapted), adapted)


def rotate(x, cos, sin):
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


class Janus:
    """A policy of a size, and its reference: the same with `adapted` off."""

    def __init__(self, problem, device, progress=lambda text: None):
        size = self.size = problem["size"]
        self.device, self.tokens = device, problem["tokens"]
        d, v, image = size["width"], size["vocabulary"], size["imageVocabulary"]
        weight = lambda name, *shape: named_weight(name, list(shape), device)
        affine = lambda name, rows, columns: (weight(f"{name}.weight", rows, columns), weight(f"{name}.bias", rows))
        self.embedding = weight("language_model.model.embed_tokens.weight", v, d)
        self.text_head = weight("language_model.lm_head.weight", v, d)
        self.table = weight("gen_embed.weight", image, size["embedding"])
        self.aligner = affine("gen_aligner.layers.0", d, size["embedding"]), affine("gen_aligner.layers.2", d, d)
        self.image_head = affine("gen_head.output_mlp_projector", d, d), affine("gen_head.vision_head", image, d)
        self.norm = weight("language_model.model.norm.weight", d)
        self.blocks = []
        for index in range(size["layers"]):
            progress(f"weights: block {index + 1} of {size['layers']}")
            self.blocks.append(Block(index, size, problem["adapterScale"], device))
        self.vq = decoder(size, device)
        angles = self.angles(d // size["heads"])
        self.cos, self.sin = angles.cos().float(), angles.sin().float()

    def angles(self, channels, longest=4096):
        half = torch.arange(0, channels, 2, dtype=torch.float64, device=self.device) / channels
        angles = torch.outer(torch.arange(longest, dtype=torch.float64, device=self.device), THETA**-half)
        return torch.cat([angles, angles], -1)

    def adapters(self):
        """By bicot's names, which store them turned."""
        for block in self.blocks:
            for name, linear in block.linear.items():
                yield f"{block.path}{name}.lora_A", linear.down
                yield f"{block.path}{name}.lora_B", linear.up

    def embed_image(self, ids):
        return mlp(F.embedding(ids, self.table), self.aligner)

    def logits(self, x, image):
        x = F.rms_norm(x, (x.shape[-1],), self.norm, EPSILON)
        return mlp(x, self.image_head) if image else F.linear(x, self.text_head)

    def log_probs(self, contexts, tokens, image, adapted=True):
        """[N, T], 0 where a row has no token; rows are padded on the right, where causality hides it."""
        fed = [row[:-1] for row in tokens]
        length = max(len(c) + len(f) for c, f in zip(contexts, fed))
        width = max(map(len, tokens))
        text, picture = torch.zeros(len(tokens), length, dtype=torch.long), torch.zeros(len(tokens), length).long()
        is_image = torch.zeros(len(tokens), length, 1, dtype=torch.bool)
        picked, targets = torch.zeros(len(tokens), width).long(), torch.zeros(len(tokens), width).long()
        valid = torch.zeros(len(tokens), width)
        for n, (context, row, own) in enumerate(zip(contexts, fed, tokens)):
            text[n, : len(context)] = torch.tensor(context)
            place = slice(len(context), len(context) + len(row))
            (picture if image else text)[n, place] = torch.tensor(row, dtype=torch.long)
            is_image[n, place] = image
            picked[n, : len(own)] = torch.arange(len(context) - 1, len(context) - 1 + len(own))
            targets[n, : len(own)], valid[n, : len(own)] = torch.tensor(own), 1
        text, picture, is_image, picked, targets, valid = (
            t.to(self.device) for t in (text, picture, is_image, picked, targets, valid)
        )
        x = F.embedding(text, self.embedding)
        if image:
            x = torch.where(is_image, self.embed_image(picture), x)
        cos, sin = self.cos[:length], self.sin[:length]
        for block in self.blocks:
            if torch.is_grad_enabled():
                x = checkpoint(block, x, cos, sin, adapted, use_reentrant=False)
            else:
                x = block(x, cos, sin, adapted)
        logits = self.logits(x[torch.arange(len(tokens), device=self.device)[:, None], picked], image)
        losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return -losses.view_as(targets) * valid


def mlp(x, layers):
    (first, bias), (second, last) = layers
    return F.linear(F.gelu(F.linear(x, first, bias)), second, last)


def decoder(size, device):
    sizes = {**size["decoder"], "codebookSize": size["imageVocabulary"], "embedding": size["embedding"]}
    vq = Vq({**sizes, "resBlocks": 2, "groups": 32, "grid": size["grid"]}).requires_grad_(False)
    state = {name: named_weight(PREFIX + name, list(v.shape), device) for name, v in vq.state_dict().items()}
    vq.to(device).load_state_dict(state)
    # Twice as fast as PyTorch's own order on CPUs, and the one that cuDNN prefers.
    return vq.to(memory_format=torch.channels_last)


class Decoder:
    """Keys and values in one preallocated buffer; each context is computed once and its cache repeated."""

    def __init__(self, model, contexts, copies, image, max_tokens):
        self.model, self.image, device = model, image, model.device
        lengths = [len(c) for c in contexts]
        self.context = max(lengths)
        self.lengths = torch.tensor(lengths, device=device).repeat_interleave(copies)
        rows, total = len(contexts) * copies, self.context + max_tokens
        heads = model.size["heads"]
        shape = (rows, heads, total, model.size["width"] // heads)
        empty = lambda: torch.empty(shape, device=device)
        self.cache = [(empty(), empty()) for _ in model.blocks]
        self.ragged = min(lengths) < self.context
        if self.ragged:
            place = torch.arange(total, device=device)[None]
            hidden = (place >= self.lengths[:, None]) & (place < self.context)
            self.mask = torch.zeros(rows, total, device=device).masked_fill_(hidden, float("-inf"))[:, None, None]
        self.fed = 0
        ids = torch.zeros(len(contexts), self.context, dtype=torch.long)
        for n, row in enumerate(contexts):
            ids[n, : len(row)] = torch.tensor(row)
        x = F.embedding(ids.to(device), model.embedding)
        cos, sin = model.cos[: self.context], model.sin[: self.context]
        for block, (keys, values) in zip(model.blocks, self.cache):
            own = [torch.empty((len(contexts), heads, self.context, shape[3]), device=device) for _ in range(2)]
            x = block(x, cos, sin, True, cache=own)
            keys[:, :, : self.context] = own[0].repeat_interleave(copies, 0)
            values[:, :, : self.context] = own[1].repeat_interleave(copies, 0)
        last = x[torch.arange(len(contexts), device=device), torch.tensor(lengths, device=device) - 1]
        self.logits = model.logits(last, image).repeat_interleave(copies, 0)

    def step(self, tokens):
        model = self.model
        self.fed += 1
        at = self.context + self.fed - 1
        x = (model.embed_image(tokens) if self.image else F.embedding(tokens, model.embedding))[:, None]
        if self.ragged:
            where = self.lengths + self.fed - 1
            cos, sin, mask = model.cos[where][:, None, None], model.sin[where][:, None, None], self.mask[..., : at + 1]
        else:
            cos, sin, mask = model.cos[at], model.sin[at], None
        for block, cache in zip(model.blocks, self.cache):
            x = block(x, cos, sin, True, mask=mask, causal=False, cache=cache, at=at)
        self.logits = model.logits(x[:, 0], self.image)
