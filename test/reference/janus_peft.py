"""LoRA on the tiny Janus by peft: adapters that bicot reads, and a reader for adapters that bicot wrote.

    python janus_peft.py               writes ../fixtures/janus/peft/{hf,hf-vision,original,original-patterns} and
                                       peft/{logprobs,grpo-step}.json
    python janus_peft.py --check DIR   prints the log-probs that peft gives with the adapter in the folder DIR

The weights are those of the model folders, rounded to bfloat16; everything is computed in float32.
"""

import argparse
import json
import shutil

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file
from torch import nn
from transformers import LlamaForCausalLM

from fixtures import path, plain, write_cases
from janus_model import Parts, build, config, exact, image_log_probs, parts_of, rows, text_log_probs
from janus_step import KINDS, in_both_precisions, inputs, step, summary
from janus_tiny import CONTEXTS, IMAGES, TEXTS
from janus_tiny import source as source_of
from janus_weights import draw, draw_all, generation_shapes, hf_name, language_shapes

FOLDER = path("janus/peft")
TARGETS = ["q_proj", "v_proj", "down_proj"]
PATTERNS = {
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["k_proj", "o_proj", "gate_proj", "up_proj", "q_proj"],
    "use_rslora": True,
    "rank_pattern": {"k_proj": 2, "layers.1.mlp.up_proj": 6},
    "alpha_pattern": {"o_proj": 16, "layers.0.self_attn.q_proj": 3},
}
CONFIGS = {
    "hf": {"r": 4, "lora_alpha": 8, "target_modules": TARGETS, "exclude_modules": r".*vision_model.*"},
    # As one gets it who does not think of the tower of `vision_model`, whose matrices have the same names.
    "hf-vision": {"r": 4, "lora_alpha": 8, "target_modules": TARGETS},
    "original": {"r": 4, "lora_alpha": 8, "target_modules": TARGETS},
    "original-patterns": PATTERNS,
}


class Plain(nn.Module):
    """A model whose modules are called as in the original layout."""

    def __init__(self):
        super().__init__()

        def part(cls, **children):
            module = cls()
            for name, child in children.items():
                setattr(module, name, child)
            return module

        shapes = generation_shapes()

        def linear(name):
            return nn.Linear(*reversed(shapes[f"{name}.weight"]))

        self.language_model = LlamaForCausalLM(config().text_config)
        self.gen_embed = nn.Embedding(*shapes["gen_embed.weight"])
        aligner = [linear("gen_aligner.layers.0"), nn.GELU(), linear("gen_aligner.layers.2")]
        self.gen_aligner = part(nn.Module, layers=nn.Sequential(*aligner))
        self.gen_head = part(
            nn.Module,
            output_mlp_projector=linear("gen_head.output_mlp_projector"),
            vision_head=linear("gen_head.vision_head"),
        )
        weights = draw_all({**language_shapes(), **shapes}, bf16=True)
        self.load_state_dict(weights, strict=True)
        self.eval()

    def parts(self):
        head = self.gen_head
        return Parts(
            self.language_model.model,
            self.language_model.model.embed_tokens,
            self.language_model.lm_head,
            lambda ids: self.gen_aligner.layers(self.gen_embed(ids)),
            lambda states: head.vision_head(nn.functional.gelu(head.output_mlp_projector(states))),
        )


def base(layout):
    return build(bf16=True) if layout == "hf" else Plain()


def parts(model):
    """Of a model under an adapter, too, which replaces modules in place."""
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    return inner.parts() if isinstance(inner, Plain) else parts_of(inner)


def log_probs(model):
    """In the shape of the golden files."""
    with torch.no_grad():
        of = parts(model)
        return plain(
            {
                "text": {"ids": TEXTS, "logprobs": rows(lambda ids: text_log_probs(of, ids), TEXTS)},
                "image": {
                    "context": CONTEXTS,
                    "image_ids": IMAGES,
                    "logprobs": rows(lambda c, ids: image_log_probs(of, c, ids), CONTEXTS, IMAGES),
                },
            }
        )


def difference(a, b):
    return max(
        abs(x - y) for kind in a for u, v in zip(a[kind]["logprobs"], b[kind]["logprobs"]) for x, y in zip(u, v)
    )


def fill(model, layout):
    """The numbers of every matrix from its name in the original layout, so that both layouts get the same."""
    original = {hf_name(name): name for name in language_shapes()} if layout == "hf" else {}
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            continue
        module, kind = name.removeprefix("base_model.model.").split(".lora_")
        target = f"{module}.weight"
        seed = f"{original.get(target, target).removesuffix('.weight')}.lora_{kind[0]}.weight"
        # B is twice its usual size: an adapter that is forgotten, or scaled wrongly, must show.
        value = draw(seed, list(parameter.shape)) * (1 if kind[0] == "A" else 2)
        parameter.data.copy_(value)


def save(model, folder):
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # A form for a model card.
    (folder / "adapter_model.safetensors").chmod(0o644)
    file = folder / "adapter_config.json"
    fields = json.loads(file.read_text())
    # A set there, whose order is another one in each run.
    fields["target_modules"] = sorted(fields["target_modules"])
    file.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def make(name):
    layout = name.split("-")[0]
    model = get_peft_model(base(layout), LoraConfig(**CONFIGS[name])).eval()
    fill(model, layout)
    on = log_probs(model)
    with model.disable_adapter():
        off = log_probs(model)
    assert off == log_probs(base(layout))
    save(model, FOLDER / name)
    assert read(FOLDER / name) == on, name
    return on, off


def adapter_step(log_probs_of, precision):
    """A GRPO step that trains the adapter `original`; the reference is the model without it."""
    model = PeftModel.from_pretrained(base("original"), FOLDER / "original", is_trainable=True).eval()
    if precision == torch.float64:
        exact(model, model.get_base_model().language_model.model)
    with torch.no_grad(), model.disable_adapter():
        reference = log_probs_of(parts(model))
    result = step(log_probs_of(parts(model)), reference)
    trained = {name.replace(".default", ""): p for name, p in model.named_parameters() if p.requires_grad}
    assert set(trained) == set(load_file(FOLDER / "original/adapter_model.safetensors"))
    return {**result, "gradients": {name: summary(p.grad, 0) for name, p in trained.items()}}


def write_steps(source):
    results = {
        kind: in_both_precisions(
            f"peft/grpo-step.json, {kind},", lambda precision: adapter_step(log_probs_of, precision)
        )
        for kind, log_probs_of in KINDS.items()
    }
    write_cases("janus/peft/grpo-step.json", {"source": source, "inputs": inputs(), **results})


def read(folder):
    """The log-probs with the adapter of `folder`, every tensor of which must belong to a module, and none be missing."""
    keys = set(load_file(f"{folder}/adapter_model.safetensors"))
    original = any(key.startswith("base_model.model.language_model.model.") for key in keys)
    model = PeftModel.from_pretrained(base("original" if original else "hf"), folder).eval()
    expected = set(get_peft_model_state_dict(model))
    assert keys == expected, {"missing": sorted(expected - keys), "unexpected": sorted(keys - expected)}
    return log_probs(model)


def main():
    torch.set_num_threads(1)
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--check", metavar="DIR")

    def source(precision):
        return f"peft {peft.__version__}, " + source_of(precision, "rounded to bfloat16")

    folder = arguments.parse_args().check
    if folder is not None:
        print(json.dumps({"source": source("float32"), **read(folder)}))
        return
    results = {name: make(name) for name in CONFIGS}
    off = results["original"][1]
    for on, other in results.values():
        assert difference(other, off) < 1e-5
        assert difference(on, off) > 1
    # The same numbers under other names; and nobody looks at an image here.
    for name in ["hf", "hf-vision"]:
        assert difference(results[name][0], results["original"][0]) < 1e-5, name
    on = {name: with_it for name, (with_it, _) in results.items()}
    write_cases("janus/peft/logprobs.json", {"source": source("float32"), "off": off, **on})
    write_steps(source("float64"))


if __name__ == "__main__":
    main()
