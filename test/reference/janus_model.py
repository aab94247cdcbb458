"""The tiny Janus as transformers' `JanusForConditionalGeneration`, and what the fixtures are computed with it."""

from typing import Callable, NamedTuple

import torch
from torch import nn
from transformers import GenerationConfig, JanusConfig, JanusForConditionalGeneration

from janus_weights import IDS, TINY, VISION, draw_all, needed_shapes, skipped_shapes, to_hf


def config():
    """Untied: transformers ties `lm_head` to the embedding unless it is told not to, and real checkpoints are not."""
    d = TINY["width"]
    return JanusConfig(
        text_config={
            "model_type": "llama",
            "vocab_size": TINY["vocabulary"],
            "hidden_size": d,
            "intermediate_size": TINY["hidden"],
            "num_hidden_layers": TINY["layers"],
            "num_attention_heads": TINY["heads"],
            "num_key_value_heads": TINY["heads"],
            "max_position_embeddings": TINY["positions"],
            "rms_norm_eps": 1e-6,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "bos_token_id": IDS["bos"],
            "eos_token_id": IDS["eos"],
            "pad_token_id": IDS["pad"],
            "tie_word_embeddings": False,
        },
        vision_config={
            "hidden_size": VISION["width"],
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "mlp_ratio": VISION["hidden"] / VISION["width"],
            "image_size": VISION["image"],
            "patch_size": VISION["patch"],
            "num_image_tokens": TINY["grid"] ** 2,
            "projection_dim": d,
            "depth": 2,
        },
        vq_config={
            "embed_dim": TINY["codeWidth"],
            "num_embeddings": TINY["imageVocabulary"],
            "latent_channels": TINY["latent"],
            "base_channels": TINY["channels"],
            "channel_multiplier": TINY["multipliers"],
            "num_res_blocks": TINY["blocks"],
            "num_patches": TINY["grid"],
            "projection_dim": d,
            "image_token_embed_dim": d,
            "num_hidden_layers": 2,
        },
        image_token_id=IDS["placeholder"],
        tie_word_embeddings=False,
    )


def build(bf16):
    """The model in float32, every tensor of it assigned."""
    model = JanusForConditionalGeneration(config())
    weights = to_hf(draw_all({**needed_shapes(), **skipped_shapes()}, bf16))
    result = model.load_state_dict(weights, strict=True)
    assert not result.missing_keys and not result.unexpected_keys
    assert model.lm_head.weight.data_ptr() != model.model.language_model.embed_tokens.weight.data_ptr(), "tied"
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    # Fields that transformers' port of the official checkpoints has, too.
    model.generation_config = GenerationConfig(
        bos_token_id=IDS["bos"],
        eos_token_id=IDS["eos"],
        pad_token_id=IDS["pad"],
        guidance_scale=5,
        generation_kwargs={"boi_token_id": IDS["boi"]},
    )
    return model.eval()


class ExactNorm(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


class ExactRotary(nn.Module):
    def forward(self, x, position_ids):
        size = TINY["width"] // TINY["heads"]
        frequencies = 10000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = position_ids[..., None].double() * frequencies
        angles = torch.cat([angles, angles], -1)
        return angles.cos(), angles.sin()


def exact(model, language=None):
    """The model in float64, in place: transformers' norms and rotary angles would stay in float32.

    `language` is the LLaMA in it, without its head.
    """
    model.double()
    language = language or model.model.language_model
    language.rotary_emb = ExactRotary()
    language.norm = ExactNorm(language.norm.weight)
    for block in language.layers:
        block.input_layernorm = ExactNorm(block.input_layernorm.weight)
        block.post_attention_layernorm = ExactNorm(block.post_attention_layernorm.weight)
    return model


class Parts(NamedTuple):
    """What log-probs are computed with, whatever the modules are called."""

    language: Callable
    text_embedding: Callable
    text_head: Callable
    image_embedding: Callable
    image_head: Callable


def parts_of(model):
    inner = model.model
    return Parts(
        inner.language_model,
        inner.language_model.embed_tokens,
        model.lm_head,
        model.prepare_embeddings_for_image_generation,
        inner.generation_head,
    )


def additive(mask, dtype):
    """Causal and padding mask `[B, 1, T, T]` of `mask` `[B, T]`; finite, as rows of padding attend to nothing."""
    width = mask.shape[1]
    seen = torch.ones(width, width).tril().bool() & mask.bool()[:, None, :]
    return torch.where(seen, 0.0, -1e9).to(dtype)[:, None]


def hidden(parts, embeddings, mask=None):
    """Post-norm hidden states `[B, T, D]`; positions count columns, with padding or without."""
    attention = None if mask is None else additive(mask, embeddings.dtype)
    positions = torch.arange(embeddings.shape[1]).expand(embeddings.shape[0], -1)
    return parts.language(
        inputs_embeds=embeddings, attention_mask=attention, position_ids=positions, use_cache=False
    ).last_hidden_state


def gather(logits, ids):
    return torch.log_softmax(logits, -1).gather(-1, ids[..., None])[..., 0]


def text_log_probs(parts, ids, mask=None):
    """Log-probs `[B, T - 1]` of `ids` `[B, T]` but the first."""
    logits = parts.text_head(hidden(parts, parts.text_embedding(ids), mask))
    return gather(logits[:, :-1], ids[:, 1:])


def image_log_probs(parts, context, image_ids, mask=None):
    """Log-probs `[B, I]` of image tokens after `context` `[B, T]`: conditional branch, temperature 1."""
    embeddings = torch.cat([parts.text_embedding(context), parts.image_embedding(image_ids)], 1)
    if mask is not None:
        mask = torch.cat([mask, torch.ones_like(image_ids)], 1)
    states = hidden(parts, embeddings, mask)[:, context.shape[1] - 1 : -1]
    return gather(parts.image_head(states), image_ids)


def unconditional(context):
    """All but the first and the last id of each row become padding, which is attended to."""
    null = context.clone()
    null[:, 1:-1] = IDS["pad"]
    return null


def guided_greedy(parts, context, weight, mask=None):
    """Tokens `[B, I]` of the largest guided logits; the logits of the first step; the smallest margin of a choice.

    Without a cache: each step computes the whole sequence again.
    """
    null = unconditional(context)
    tokens = torch.empty(len(context), 0, dtype=torch.long)
    first, margin = None, float("inf")
    for _ in range(TINY["grid"] ** 2):
        logits = []
        for ids, seen in [(context, mask), (null, None)]:
            embeddings = parts.text_embedding(ids)
            if tokens.shape[1]:
                embeddings = torch.cat([embeddings, parts.image_embedding(tokens)], 1)
            if seen is not None:
                seen = torch.cat([seen, torch.ones_like(tokens)], 1)
            logits.append(parts.image_head(hidden(parts, embeddings, seen)[:, -1]))
        conditional, free = logits
        guided = free + weight * (conditional - free)
        first = first or {"conditional": conditional, "unconditional": free, "guided": guided}
        best = guided.topk(2, -1).values
        margin = min(margin, (best[:, 0] - best[:, 1]).min().item())
        tokens = torch.cat([tokens, guided.argmax(-1, keepdim=True)], 1)
    return tokens, first, margin


def rows(function, *arguments):
    """`function` on one row after another, un-padded; the results as a list of tensors without the batch axis."""
    return [function(*(torch.tensor([a]) for a in each))[0] for each in zip(*arguments)]
