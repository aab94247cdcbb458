"""LlamaGen's published code against `llamagen.py` and the committed fixtures: stops if they disagree.

    python llamagen_published.py FOLDER   FOLDER: a checkout of github.com/FoundationVision/LlamaGen

Loads the checkpoints as the published samplers do, computes padded batches under their masks, in float32, since that code
casts to it inside.
"""

import contextlib
import sys
from functools import partial
from unittest import mock

import torch

import llamagen
from fixtures import path, read_json

FOLDER = sys.argv[1]
sys.path.insert(0, FOLDER)
# Newer versions of PyTorch lack the context manager that the sampler chooses an attention kernel by.
if not hasattr(torch.backends.cuda, "sdp_kernel"):
    torch.backends.cuda.sdp_kernel = lambda **_: contextlib.nullcontext()
from autoregressive.models.generate import generate  # noqa: E402
from autoregressive.models.gpt import CaptionEmbedder, GPT_models, ModelArgs, Transformer  # noqa: E402

torch.set_default_dtype(torch.float32)


def published_model(config, checkpoint):
    condition = config["condition"]
    if condition["kind"] == "class":
        kind = {"model_type": "c2i", "num_classes": condition["classes"], "cls_token_num": 1}
    else:
        kind = {"model_type": "t2i", "caption_dim": condition["features"], "cls_token_num": condition["length"]}
    arguments = ModelArgs(
        dim=config["width"], n_layer=config["layers"], n_head=config["heads"], multiple_of=32,
        rope_base=config["ropeTheta"], norm_eps=config["rmsEpsilon"], vocab_size=config["vocabulary"],
        block_size=config["grid"] ** 2, **kind,
    )
    model = Transformer(arguments)
    if condition["kind"] == "text":
        # The model always makes a table of 120 rows; the small one has fewer.
        model.cls_embedding = CaptionEmbedder(
            arguments.caption_dim, arguments.dim, arguments.class_dropout_prob, condition["length"]
        )
    assert list(model.state_dict()) == list(llamagen.shapes(config)), "other names or another order"
    saved = torch.load(path(f"llamagen/{checkpoint}"), map_location="cpu")
    model.load_state_dict(saved["model"] if "model" in saved else saved, strict=True)
    return model.eval()


def conditions(config, samples):
    """The batch as the published samplers make it: labels, or features padded on the left, and which of them count."""
    condition = config["condition"]
    if condition["kind"] == "class":
        return torch.tensor([sample["label"] for sample in samples]), None
    features = torch.zeros(len(samples), condition["length"], condition["features"])
    mask = torch.zeros(len(samples), condition["length"], dtype=torch.long)
    for row, sample in enumerate(samples):
        count = len(sample["features"])
        features[row, -count:] = torch.tensor(sample["features"])
        mask[row, -count:] = 1
    return features, mask


def attention_mask(config, mask, length):
    """As the published data set makes it for training: causal, without padding, but for the diagonal."""
    allowed = torch.ones(len(mask), length, length).tril()
    allowed[:, :, : mask.shape[1]] *= mask.unsqueeze(1)
    eye = torch.eye(length)
    return (allowed * (1 - eye) + eye).bool().unsqueeze(1)


def close(what, found, expected, tolerance=2e-5):
    found, expected = torch.as_tensor(found).double(), torch.as_tensor(expected, dtype=torch.float64)
    error = (found - expected).abs().max().item()
    print(f"{what:44} {error:.1e}")
    assert error < tolerance, what


def check(name):
    golden = read_json(f"llamagen/{name}.json")
    config, samples = golden["config"], golden["samples"]
    model = published_model(config, golden["checkpoint"])
    tokens = torch.tensor([sample["tokens"] for sample in samples])
    batch, mask = conditions(config, samples)
    before = model.cls_token_num
    steps = before + tokens.shape[1] - 1

    tables = model.freqs_cis
    assert (tables[:before] == 0).all() and tables.shape[0] == before + config["grid"] ** 2
    close(f"{name}: cosines", tables[before:, :, 0], golden["turns"]["cos"], 2e-6)
    close(f"{name}: sines", tables[before:, :, 1], golden["turns"]["sin"], 2e-6)

    seen = {}
    model.norm.register_forward_hook(lambda _, __, output: seen.update(hidden=output))
    allowed = None if mask is None else attention_mask(config, mask, steps)
    logits, _ = model(idx=tokens[:, :-1], cond_idx=batch, input_pos=torch.arange(steps), mask=allowed)
    chosen = logits[:, before - 1 :].log_softmax(-1).gather(2, tokens.unsqueeze(2)).squeeze(2)
    close(f"{name}: log-probs", chosen.detach(), [sample["logProbs"] for sample in samples])
    close(f"{name}: hidden states", seen["hidden"][0, before - 1 :].detach(), golden["hidden"]["values"])

    chosen.sum().backward()
    for parameter, value in model.named_parameters():
        expected = golden["gradients"][parameter]
        relative = (value.grad.norm() / expected["norm"]).item()
        assert abs(relative - 1) < 1e-4, parameter
        found = value.grad.flatten()[:4].double()
        assert (found - torch.tensor(expected["first"], dtype=torch.float64)).abs().max() < 1e-4 * expected["norm"], parameter
    print(f"{name}: gradients of {len(golden['gradients'])} parameters")

    with torch.no_grad():
        null = torch.full_like(batch, model.num_classes) if mask is None else model.cls_embedding.uncond_embedding.expand_as(batch)
        logits, _ = model(idx=tokens[:, :-1], cond_idx=null, input_pos=torch.arange(steps), mask=allowed)
        chosen = logits[:, before - 1 :].log_softmax(-1).gather(2, tokens.unsqueeze(2)).squeeze(2)
        close(f"{name}: log-probs, unconditional", chosen, [sample["unconditionalLogProbs"] for sample in samples])
        made = generate(model, batch, config["grid"] ** 2, emb_masks=mask, cfg_scale=golden["scale"], sample_logits=False)
    assert made.tolist() == [sample["greedy"]["tokens"] for sample in samples], f"{name}: other tokens"
    print(f"{name}: guided greedy tokens are the same")


def check_sizes():
    """Sizes and parameters of the published models, in no memory, and those of `llamagen.py` for the same."""
    for name, make in GPT_models.items():
        # The model reads numbers of this list, which tensors without memory lack.
        listed = mock.patch("torch.linspace", partial(torch.linspace, device="cpu"))
        with listed, torch.device("meta"):
            model = make()
        arguments, hidden = model.config, model.layers[0].feed_forward.w1.weight.shape[0]
        config = {"width": arguments.dim, "layers": arguments.n_layer, "hidden": hidden, "vocabulary": 16384}
        names = llamagen.shapes({**config, "condition": {"kind": "class", "classes": 1000}})
        assert {n: tuple(p.shape) for n, p in model.state_dict().items()} == dict(names)
        count = sum(p.numel() for p in model.parameters())
        print(f"{name:9} {arguments.n_layer:2} layers, {arguments.n_head:2} heads, {arguments.dim} wide, {hidden} hidden: {count:,}")


if __name__ == "__main__":
    check("class")
    check("text")
    check_sizes()
