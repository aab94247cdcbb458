"""Files of torch.save: what src/models/checkpoints/torch reads, and what it must refuse.

    python torch_bin.py   writes ../fixtures/torch/*.bin, and values.json with the numbers of state-dict.bin
"""

import os

import torch

from fixtures import path, write_json


class Layer(torch.nn.Module):
    """Its state dict carries versions (`_metadata`), which torch.save writes by BUILD."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        shared = torch.randn(30, generator=generator)
        tensors = {
            "bf16": (1e10 * torch.randn(4, 3, generator=generator)).bfloat16(),
            "f16": torch.cat([torch.randn(5, generator=generator), torch.tensor([2.0**-24, -65504.0])]).half(),
            "f32": torch.randn(2, 3, 4, generator=generator),
            # Two views of one storage, of which one begins in the middle.
            "front": shared[:12].view(3, 4),
            "back": shared[10:20].view(5, 2),
            "scalar": torch.tensor(0.1),
            "empty": torch.zeros(0, 4),
            # Its first stride is never used.
            "row": torch.randn(3, 7, generator=generator)[1:2],
        }
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)


class Attack:
    def __reduce__(self):
        return os.system, ("echo taken over",)


def main():
    state = Layer().state_dict()
    torch.save(state, path("torch/state-dict.bin"))
    write_json(
        "torch/values.json",
        {
            "tensors": {
                name: {"shape": list(tensor.shape), "values": tensor.double().flatten().tolist()}
                for name, tensor in state.items()
            }
        },
    )
    plain = {"weight": torch.arange(6.0).view(2, 3).bfloat16()}
    torch.save(plain, path("torch/plain-dict.bin"))
    torch.save(plain, path("torch/protocol-4.bin"), pickle_protocol=4)
    torch.save({"weight": torch.arange(6.0).view(2, 3).t()}, path("torch/transposed.bin"))
    torch.save({"ids": torch.arange(3)}, path("torch/int64.bin"))
    torch.save({"weight": torch.nn.Parameter(torch.ones(2))}, path("torch/parameter.bin"))
    torch.save({"model": plain}, path("torch/nested.bin"))
    torch.save({"weight": Attack()}, path("torch/attack.bin"))


if __name__ == "__main__":
    main()
