"""The weights of the tiny Janus, which need no file: every number follows from the name of its tensor.

Names and shapes are those of the official repositories ("original layout"); `to_hf` renames them as transformers does.
`named_weights` makes a tensor's numbers of its name.
"""

import re

from named_weights import named_weight

TINY = {
    "vocabulary": 320,
    "width": 32,
    "hidden": 64,
    "layers": 2,
    "heads": 4,
    "positions": 256,
    "imageVocabulary": 64,
    "codeWidth": 8,
    "grid": 4,
    "channels": 32,
    "multipliers": [1, 2, 2],
    "blocks": 2,
    "latent": 32,
}
IDS = {"bos": 1, "eos": 2, "pad": 3, "boi": 4, "eoi": 5, "placeholder": 289}
# What bicot skips: as small as transformers allows.
VISION = {"width": 4, "hidden": 4, "image": 16, "patch": 4}


TABLES = (
    "language_model.model.embed_tokens.weight",
    "gen_embed.weight",
    "gen_vision_model.quantize.embedding.weight",
)


def draw(name, shape):
    """The float32 tensor of this name."""
    return named_weight(name, shape, TABLES).float()


def language_shapes():
    d, f, v = TINY["width"], TINY["hidden"], TINY["vocabulary"]
    shapes = {"model.embed_tokens.weight": [v, d]}
    for n in range(TINY["layers"]):
        block = f"model.layers.{n}."
        for matrix in "qkvo":
            shapes[f"{block}self_attn.{matrix}_proj.weight"] = [d, d]
        shapes[f"{block}mlp.gate_proj.weight"] = [f, d]
        shapes[f"{block}mlp.up_proj.weight"] = [f, d]
        shapes[f"{block}mlp.down_proj.weight"] = [d, f]
        shapes[f"{block}input_layernorm.weight"] = [d]
        shapes[f"{block}post_attention_layernorm.weight"] = [d]
    shapes["model.norm.weight"] = [d]
    shapes["lm_head.weight"] = [v, d]
    return {f"language_model.{name}": shape for name, shape in shapes.items()}


def layer(name, *shape):
    """A matrix or kernel with its bias."""
    return {f"{name}.weight": list(shape), f"{name}.bias": [shape[0]]}


def norm(name, width):
    return layer(name, width)


def generation_shapes():
    d, v, c = TINY["width"], TINY["imageVocabulary"], TINY["codeWidth"]
    return {
        "gen_embed.weight": [v, c],
        **layer("gen_aligner.layers.0", d, c),
        **layer("gen_aligner.layers.2", d, d),
        **layer("gen_head.output_mlp_projector", d, d),
        **layer("gen_head.vision_head", v, d),
    }


def resnet(name, inner, outer):
    return {
        **norm(f"{name}.norm1", inner),
        **layer(f"{name}.conv1", outer, inner, 3, 3),
        **norm(f"{name}.norm2", outer),
        **layer(f"{name}.conv2", outer, outer, 3, 3),
        **(layer(f"{name}.nin_shortcut", outer, inner, 1, 1) if inner != outer else {}),
    }


def attention(name, c):
    shapes = norm(f"{name}.norm", c)
    for matrix in ["q", "k", "v", "proj_out"]:
        shapes |= layer(f"{name}.{matrix}", c, c, 1, 1)
    return shapes


def middle(name, c):
    return {**resnet(f"{name}.0", c, c), **attention(f"{name}.1", c), **resnet(f"{name}.2", c, c)}


def decoder_shapes():
    widths = [TINY["channels"] * m for m in reversed(TINY["multipliers"])]
    at = widths[0]
    shapes = {**layer("decoder.conv_in", at, TINY["latent"], 3, 3), **middle("decoder.mid", at)}
    for k, width in enumerate(widths):
        block = f"decoder.conv_blocks.{k}"
        for j in range(TINY["blocks"] + 1):
            shapes |= resnet(f"{block}.res.{j}", at, width)
            at = width
        if k == 0:
            for j in range(TINY["blocks"] + 1):
                shapes |= attention(f"{block}.attn.{j}", at)
        if k < len(widths) - 1:
            shapes |= layer(f"{block}.upsample.conv", at, at, 3, 3)
    return {**shapes, **norm("decoder.norm_out", at), **layer("decoder.conv_out", 3, at, 3, 3)}


def encoder_shapes():
    widths = [TINY["channels"] * m for m in TINY["multipliers"]]
    at = TINY["channels"]
    shapes = layer("encoder.conv_in", at, 3, 3, 3)
    for k, width in enumerate(widths):
        block = f"encoder.conv_blocks.{k}"
        for j in range(TINY["blocks"]):
            shapes |= resnet(f"{block}.res.{j}", at, width)
            at = width
        if k == len(widths) - 1:
            for j in range(TINY["blocks"]):
                shapes |= attention(f"{block}.attn.{j}", at)
        else:
            shapes |= layer(f"{block}.downsample.conv", at, at, 3, 3)
    shapes |= middle("encoder.mid", at) | norm("encoder.norm_out", at)
    return shapes | layer("encoder.conv_out", TINY["latent"], at, 3, 3)


def vq_shapes():
    """Of the image decoder that bicot needs."""
    shapes = {
        **decoder_shapes(),
        "quantize.embedding.weight": [TINY["imageVocabulary"], TINY["codeWidth"]],
        **layer("post_quant_conv", TINY["latent"], TINY["codeWidth"], 1, 1),
    }
    return {f"gen_vision_model.{name}": shape for name, shape in shapes.items()}


def needed_shapes():
    return {**language_shapes(), **generation_shapes(), **vq_shapes()}


def skipped_shapes():
    """Of what official checkpoints also hold: the image encoder, the understanding tower (timm's names), its aligner."""
    w, f, d = VISION["width"], VISION["hidden"], TINY["width"]
    vq = {**encoder_shapes(), **layer("quant_conv", TINY["codeWidth"], TINY["latent"], 1, 1)}
    tower = {
        "pos_embed": [1, (VISION["image"] // VISION["patch"]) ** 2, w],
        **layer("patch_embed.proj", w, 3, VISION["patch"], VISION["patch"]),
        **norm("blocks.0.norm1", w),
        **layer("blocks.0.attn.qkv", 3 * w, w),
        **layer("blocks.0.attn.proj", w, w),
        **norm("blocks.0.norm2", w),
        **layer("blocks.0.mlp.fc1", f, w),
        **layer("blocks.0.mlp.fc2", w, f),
        **norm("norm", w),
        "attn_pool.latent": [1, 1, w],
        **layer("attn_pool.q", w, w),
        **layer("attn_pool.kv", 2 * w, w),
        **layer("attn_pool.proj", w, w),
        **norm("attn_pool.norm", w),
        **layer("attn_pool.mlp.fc1", f, w),
        **layer("attn_pool.mlp.fc2", w, f),
    }
    return {
        **{f"gen_vision_model.{name}": shape for name, shape in vq.items()},
        **{f"vision_model.vision_tower.{name}": shape for name, shape in tower.items()},
        **layer("aligner.layers.0", d, w),
        **layer("aligner.layers.2", d, d),
    }


def draw_all(shapes, bf16):
    """Float32 tensors of these names; with `bf16`, rounded to what bfloat16 holds."""
    weights = {name: draw(name, shape) for name, shape in shapes.items()}
    return {name: w.bfloat16().float() for name, w in weights.items()} if bf16 else weights


RENAMED = [
    (r"^language_model\.lm_head\.", "lm_head."),
    (r"^language_model\.model\.", "model.language_model."),
    (r"^gen_embed\.", "model.generation_embeddings."),
    (r"^gen_aligner\.layers\.0\.", "model.generation_aligner.fc1."),
    (r"^gen_aligner\.layers\.2\.", "model.generation_aligner.hidden_layers.0."),
    (r"^gen_head\.output_mlp_projector\.", "model.generation_head.proj_out."),
    (r"^gen_head\.vision_head\.", "model.generation_head.vision_head."),
    (r"^aligner\.layers\.0\.", "model.aligner.fc1."),
    (r"^aligner\.layers\.2\.", "model.aligner.hidden_layers.0."),
    (r"^gen_vision_model\.", "model.vqmodel."),
    (r"^(model\.vqmodel\.decoder)\.conv_blocks\.", r"\1.up."),
    (r"^(model\.vqmodel\.encoder)\.conv_blocks\.", r"\1.down."),
    (r"^(model\.vqmodel\..*)\.res\.(\d+)\.", r"\1.block.\2."),
    (r"^(model\.vqmodel\.(?:de|en)coder\.mid)\.0\.", r"\1.block_1."),
    (r"^(model\.vqmodel\.(?:de|en)coder\.mid)\.1\.", r"\1.attn_1."),
    (r"^(model\.vqmodel\.(?:de|en)coder\.mid)\.2\.", r"\1.block_2."),
    (r"^vision_model\.vision_tower\.patch_embed\.proj\.", "model.vision_model.embeddings.patch_embedding."),
    (r"^vision_model\.vision_tower\.pos_embed$", "model.vision_model.embeddings.position_embedding.weight"),
    (r"^vision_model\.vision_tower\.norm\.", "model.vision_model.post_layernorm."),
    (r"^vision_model\.vision_tower\.blocks\.(\d+)\.norm", r"model.vision_model.encoder.layers.\1.layer_norm"),
    (
        r"^vision_model\.vision_tower\.blocks\.(\d+)\.attn\.proj\.",
        r"model.vision_model.encoder.layers.\1.self_attn.projection_layer.",
    ),
    (r"^vision_model\.vision_tower\.blocks\.(\d+)\.", r"model.vision_model.encoder.layers.\1."),
]


def hf_name(name):
    """What transformers calls the tensor that the original layout calls `name`."""
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def to_hf(weights):
    """The same tensors as `JanusForConditionalGeneration` has them."""
    renamed = {}
    for name, value in weights.items():
        if ".attn_pool." in name or name.endswith("codebook_used"):
            continue
        if ".attn.qkv." in name:
            for part, rows in zip("qkv", value.chunk(3)):
                renamed[hf_name(name).replace(".attn.qkv.", f".self_attn.{part}_proj.")] = rows.clone()
        else:
            renamed[hf_name(name)] = value[0] if name.endswith("pos_embed") else value
    return renamed


def original_names():
    """Original names by transformers' names, of what bicot needs."""
    return {hf_name(name): name for name in needed_shapes()}
