"""The decoder of VQ-16, written independently of src/models/vq, and its fixtures.

Written against the description of the model in PyTorch's modules and layout (NCHW), run in float64 and float32. The
script stops if transformers' own decoder of Janus, or what the original implementation gave, differs.

    python vq_decoder.py   writes ../fixtures/vq/*.json
"""

import torch
import torch.nn.functional as F
from torch import nn

from fixtures import path, plain, write_cases
from janus_weights import draw

PREFIX = "gen_vision_model."

TINY = {
    "codebookSize": 64,
    "embedding": 8,
    "channels": 32,
    "multipliers": [1, 2, 2],
    "resBlocks": 2,
    "latent": 32,
    "groups": 32,
    "grid": 4,
}

# Channels change at another place, groups of several channels, a side that is no power of two.
OTHER = {
    "codebookSize": 40,
    "embedding": 4,
    "channels": 32,
    "multipliers": [1, 1, 2],
    "resBlocks": 1,
    "latent": 48,
    "groups": 8,
    "grid": 3,
}

# What greedy decoding of the tiny Janus draws for two prompts.
TINY_CODES = [
    [11, 52, 20, 35, 11, 52, 11, 44, 35, 50, 46, 11, 11, 44, 50, 50],
    [35, 48, 44, 59, 11, 11, 11, 11, 11, 11, 11, 44, 44, 44, 35, 46],
]
OTHER_CODES = [[(7 * i + 11 * b) % 40 for i in range(9)] for b in range(2)]

# The original implementation in float32, as measured there.
ORIGINAL = {
    "mean": -0.129753,
    "std_unbiased": 0.578758,
    "red_of_first_row": [-0.130762, -0.510535, -0.258776, -0.309272, -0.086409, 0.268665, -0.292439, -0.065721],
    "bytes": [
        {"image": 0, "y": 0, "x": 0, "rgb": [110, 170, 71]},
        {"image": 0, "y": 7, "x": 9, "rgb": [178, 166, 151]},
        {"image": 1, "y": 15, "x": 15, "rgb": [126, 81, 114]},
    ],
}


class Resnet(nn.Module):
    def __init__(self, before, after, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, before, eps=1e-6)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, after, eps=1e-6)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        if before != after:
            self.nin_shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        for name in ("q", "k", "v", "proj_out"):
            setattr(self, name, nn.Conv2d(channels, channels, 1))

    def forward(self, x):
        n = self.norm(x)
        q, k, v = (m(n).flatten(2).transpose(1, 2).unsqueeze(1) for m in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q, k, v).squeeze(1)
        return x + self.proj_out(h.transpose(1, 2).unflatten(2, x.shape[2:]))


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Level(nn.Module):
    def __init__(self, before, after, blocks, groups, attends, upsamples):
        super().__init__()
        self.res = nn.ModuleList(Resnet(before if j == 0 else after, after, groups) for j in range(blocks))
        self.attn = nn.ModuleList(Attention(after, groups) for _ in range(blocks if attends else 0))
        if upsamples:
            self.upsample = Upsample(after)

    def stages(self):
        for j, block in enumerate(self.res):
            yield f"res.{j}", block
            if j < len(self.attn):
                yield f"attn.{j}", self.attn[j]
        if hasattr(self, "upsample"):
            yield "upsample", self.upsample


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        groups, blocks = config["groups"], config["resBlocks"] + 1
        widths = [config["channels"] * m for m in reversed(config["multipliers"])]
        low, last = widths[0], len(widths) - 1
        self.conv_in = nn.Conv2d(config["latent"], low, 3, padding=1)
        self.mid = nn.ModuleList([Resnet(low, low, groups), Attention(low, groups), Resnet(low, low, groups)])
        self.conv_blocks = nn.ModuleList(
            Level(widths[max(k - 1, 0)], width, blocks, groups, k == 0, k < last) for k, width in enumerate(widths)
        )
        self.norm_out = nn.GroupNorm(groups, widths[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def stages(self):
        yield "conv_in", self.conv_in
        yield from ((f"mid.{i}", module) for i, module in enumerate(self.mid))
        for k, level in enumerate(self.conv_blocks):
            yield from ((f"conv_blocks.{k}.{name}", module) for name, module in level.stages())
        yield "conv_out", lambda x: self.conv_out(F.silu(self.norm_out(x)))


class Vq(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.grid = config["grid"]
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(config["codebookSize"], config["embedding"])})
        self.post_quant_conv = nn.Conv2d(config["embedding"], config["latent"], 1)
        self.decoder = Decoder(config)

    def forward(self, codes, seen=lambda name, x: None):
        """codes [B, grid²] -> pixels [B, 3, H, W]"""
        z = F.normalize(self.quantize["embedding"](codes), dim=-1)
        x = self.post_quant_conv(z.transpose(1, 2).unflatten(2, (self.grid, self.grid)))
        seen("post_quant_conv", x)
        for name, module in self.decoder.stages():
            x = module(x)
            seen(f"decoder.{name}", x)
        return x


def fill(model):
    state = {name: draw(PREFIX + name, value.shape).double() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return model


def fingerprint(x):
    """What a feature map is told apart by: its norm, and the norms of its halves across and down."""
    x = x.permute(0, 2, 3, 1)
    side = x.shape[1]
    rows, columns, channels = (torch.arange(1, n + 1, dtype=x.dtype) / n for n in x.shape[1:])
    moments = [x.sum(), (x * rows[:, None, None]).sum(), (x * columns[:, None]).sum(), (x * channels).sum()]
    return {"side": side, "channels": x.shape[3], "norm": x.norm(), "moments": torch.stack(moments)}


def huggingface(config, model):
    """The decoder of transformers with these weights, and its names by ours."""
    from transformers import JanusVQVAEConfig
    from transformers.models.janus.modeling_janus import JanusVQVAE

    theirs = JanusVQVAE(
        JanusVQVAEConfig(
            embed_dim=config["embedding"],
            num_embeddings=config["codebookSize"],
            latent_channels=config["latent"],
            base_channels=config["channels"],
            channel_multiplier=config["multipliers"],
            num_res_blocks=config["resBlocks"],
            num_patches=config["grid"],
            double_latent=False,
            out_channels=3,
            dropout=0.0,
        )
    ).double()
    for module in theirs.modules():
        if isinstance(module, nn.GroupNorm):
            module.num_groups = config["groups"]
    parts = ("quantize.", "post_quant_conv.", "decoder.")
    names = [name for name in theirs.state_dict() if name.startswith(parts)]
    return theirs.eval(), names


def rename(name):
    """Ours in the port's words, so that the fixture lists what the port really has."""
    for i, ported in enumerate(("block_1", "attn_1", "block_2")):
        name = name.replace(f"decoder.mid.{i}.", f"decoder.mid.{ported}.")
    return name.replace("conv_blocks", "up").replace(".res.", ".block.")


def check_huggingface(config, model, codes, pixels):
    theirs, names = huggingface(config, model)
    state = {rename(name): value for name, value in model.state_dict().items()}
    assert sorted(state) == sorted(names), set(state) ^ set(names)
    theirs.load_state_dict(state, strict=False)
    found = theirs.decode(codes)
    error = (found - pixels).abs().max().item()
    assert error < 1e-10, error
    return {name: rename(name) for name in model.state_dict()}


@torch.no_grad()
def case(name, config, codes):
    codes = torch.tensor(codes)
    model = fill(Vq(config).double())
    stages = {}
    pixels = model(codes, lambda stage, x: stages.update({stage: plain(fingerprint(x))}))
    names = check_huggingface(config, model, codes, pixels)
    single = model.float()(codes).double()
    error = (single - pixels).abs().max().item()
    print(f"{name}: float32 is {error:.2e} from float64; {sum(p.numel() for p in model.parameters())} numbers")
    value = {
        "config": config,
        "codes": codes,
        "pixels": [[round(v, 8) for v in image.permute(1, 2, 0).flatten().tolist()] for image in pixels],
        "float32_error": error,
        "stages": stages,
        "shapes": {name: list(value.shape) for name, value in model.state_dict().items()},
        "hf_names": names,
    }
    if name == "tiny":
        check_original(single)
        value["original"] = ORIGINAL
    path("vq").mkdir(exist_ok=True)
    write_cases(f"vq/{name}.json", value)


def check_original(pixels):
    """What the original implementation gave for these codes and weights."""
    assert abs(pixels.mean().item() - ORIGINAL["mean"]) < 2e-6
    assert abs(pixels.std().item() - ORIGINAL["std_unbiased"]) < 2e-6
    first = torch.tensor(ORIGINAL["red_of_first_row"]).double()
    assert (pixels[0, 0, 0, :8] - first).abs().max() < 5e-6


if __name__ == "__main__":
    case("tiny", TINY, TINY_CODES)
    case("other", OTHER, OTHER_CODES)
