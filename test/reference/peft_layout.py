"""PEFT's adapters on a small model: files that PEFT wrote, and what PEFT makes of bicot's.

    python peft_layout.py           writes ../fixtures/peft/model.safetensors and, for each case, the folder that PEFT saves
                                    and outputs.json: what each module gives with its adapter on and off
    python peft_layout.py --check   reads ../fixtures/peft/bicot, which write-adapters.ts makes, and compares PEFT's outputs
                                    with bicot's; writes its outputs.json
"""

import json
import sys
import warnings
from importlib.metadata import version

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn

from fixtures import path

SOURCE = f"PEFT {version('peft')}, PyTorch {torch.__version__}, float64; see test/reference"
WIDTH = 8
HIDDEN = 12
ROWS = 2
TOLERANCE = 1e-5


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn = nn.ModuleDict({f"{name}_proj": nn.Linear(WIDTH, WIDTH, bias=False) for name in "qkvo"})
        self.mlp = nn.ModuleDict(
            {
                "gate_proj": nn.Linear(WIDTH, HIDDEN, bias=False),
                "up_proj": nn.Linear(WIDTH, HIDDEN, bias=False),
                "down_proj": nn.Linear(HIDDEN, WIDTH, bias=False),
            }
        )


class Model(nn.Module):
    """Modules with the paths of a Janus checkpoint. They are called one by one, so none of them hides another's fault."""

    def __init__(self):
        super().__init__()
        decoder = nn.ModuleDict({"layers": nn.ModuleList([Block(), Block()])})
        self.language_model = nn.ModuleDict({"model": decoder})
        generator = torch.Generator().manual_seed(3)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / WIDTH**0.5


CASES = {
    "default": LoraConfig(target_modules=["q_proj", "v_proj"]),
    "patterns": LoraConfig(
        r=4,
        lora_alpha=6,
        target_modules=["q_proj", "k_proj", "mlp.down_proj", "language_model.model.layers.1.mlp.up_proj"],
        # The first that matches counts, and each is a pattern of how a path ends after a dot: "proj" matches nothing.
        rank_pattern={r"^language_model\.model\.layers\.0\.self_attn\.q_proj": 2, "k_proj|down_proj": 3, "layers.1.*": 5},
        alpha_pattern={r"layers\.1\..*": 10, "proj": 7, "k_proj": 1, "self_attn.k_proj": 2},
    ),
    "rslora": LoraConfig(r=4, lora_alpha=6, lora_dropout=0.1, use_rslora=True, target_modules=["up_proj", "o_proj"]),
    "regex": LoraConfig(
        r=3, lora_alpha=2, target_modules=r".*\.layers\.1\.self_attn\.(?P<which>k|o)_proj|.*mlp\.(gate|gate_proj|down)"
    ),
    "layers": LoraConfig(
        r=2,
        lora_alpha=3,
        target_modules=["q_proj", "k_proj", "gate_proj", "absent_proj"],
        layers_to_transform=[1],
        layers_pattern="layers",
        exclude_modules=["self_attn.k_proj"],
    ),
    "bfloat16": LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "o_proj", "down_proj"]),
}


def inputs():
    generator = torch.Generator().manual_seed(4)
    return {width: torch.randn(ROWS, width, generator=generator) for width in (WIDTH, HIDDEN)}


def module_outputs(model, paths):
    """In float64, of inputs and weights that float32 holds."""
    model = model.double()
    by_width = inputs()
    outputs = {}
    with torch.no_grad():
        for name in paths:
            module = model.get_submodule(name)
            outputs[name] = [[round(x, 9) for x in row] for row in module(by_width[module.in_features].double()).tolist()]
    return outputs


def outputs_of(adapted, paths):
    on = module_outputs(adapted.base_model.model.eval(), paths)
    with adapted.disable_adapter():
        off = module_outputs(adapted.base_model.model, paths)
    return {"on": on, "off": off}


def write_outputs(case, outputs, **more):
    given = {str(width): x.tolist() for width, x in inputs().items()}
    peft = {"model": "../model.safetensors", "inputs": given, **outputs}
    path(f"peft/{case}/outputs.json").write_text(json.dumps({"source": SOURCE, **more, "peft": peft}) + "\n")


def linear_paths(model):
    return [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]


def write_case(name, config):
    folder = path(f"peft/{name}")
    paths = linear_paths(Model())
    adapted = get_peft_model(Model(), config)
    generator = torch.Generator().manual_seed(5)
    for key, parameter in adapted.named_parameters():
        if "lora_" in key:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 2
    if name == "bfloat16":
        adapted = adapted.bfloat16()
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    # PEFT writes a set, in an order that changes from run to run.
    config_file = folder / "adapter_config.json"
    saved = json.loads(config_file.read_text())
    for field in ("target_modules", "exclude_modules"):
        if isinstance(saved[field], list):
            saved[field].sort()
    config_file.write_text(json.dumps(saved, indent=2, sort_keys=True))
    # As read again: for bfloat16 the matrices beside the adapters were rounded above.
    write_outputs(name, outputs_of(PeftModel.from_pretrained(Model(), folder), paths))


def check_bicot():
    """PEFT must read every tensor, miss none, and compute what bicot computes."""
    folder = path("peft/bicot")
    paths = linear_paths(Model())
    with warnings.catch_warnings():
        # PEFT warns of adapters that the file lacks.
        warnings.simplefilter("error")
        adapted = PeftModel.from_pretrained(Model(), folder)
    state = {key.replace(".default", ""): value for key, value in adapted.state_dict().items() if "lora_" in key}
    stored = load_file(folder / "adapter_model.safetensors")
    assert state.keys() == stored.keys(), state.keys() ^ stored.keys()
    assert all(torch.equal(state[key], value) for key, value in stored.items())

    outputs = outputs_of(adapted, paths)
    written = json.loads((folder / "bicot-outputs.json").read_text())
    error = 0.0
    for state_name, by_path in outputs.items():
        assert written[state_name].keys() == by_path.keys(), "other modules"
        for name, rows in by_path.items():
            expected = torch.tensor(rows)
            difference = (torch.tensor(written[state_name][name]) - expected).abs().max() / expected.abs().max()
            error = max(error, difference.item())
    changed = sum(outputs["on"][name] != outputs["off"][name] for name in paths)
    assert changed == len(stored) // 2, f"{changed} modules have adapters that do something"
    assert error <= TOLERANCE, f"PEFT and bicot differ by {error}"
    write_outputs("bicot", outputs, error=f"{error:.1e}", modules=changed)
    print(f"PEFT reads bicot's adapters of {changed} modules; largest error {error:.1e} over the largest magnitude")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check_bicot()
    else:
        save_file(dict(Model().state_dict()), path("peft/model.safetensors"))
        for name, config in CASES.items():
            path(f"peft/{name}").mkdir(parents=True, exist_ok=True)
            write_case(name, config)
