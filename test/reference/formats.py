"""The official safetensors writer and reader against bicot's.

    python formats.py   writes ../fixtures/official.safetensors and official.json; checks ../fixtures/bicot.safetensors,
                        which write-safetensors.ts makes
"""

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fixtures import path, write_json


def write_official():
    generator = torch.Generator().manual_seed(5)
    tensors = {
        "f32": torch.randn(2, 3, generator=generator),
        "f16": torch.cat([torch.randn(5, generator=generator), torch.tensor([2.0**-24, -65504.0])]).half(),
        "bf16": (1e10 * torch.randn(3, 1, 2, generator=generator)).bfloat16(),
        "i32": torch.tensor([[-(2**31), 2**31 - 1], [0, 7]], dtype=torch.int32),
        "u8": torch.tensor([0, 255, 3], dtype=torch.uint8),
        "scalar": torch.tensor(0.1),
        "empty": torch.zeros(0, 4),
    }
    # One entry: the library writes several in any order.
    metadata = {"title": "Grüße 🍌"}
    save_file(tensors, path("official.safetensors"), metadata=metadata)
    write_json(
        "official.json",
        {
            "metadata": metadata,
            "tensors": {
                name: {"shape": list(t.shape), "values": t.double().flatten().tolist()} for name, t in tensors.items()
            },
        },
    )


def check_bicot():
    """Must agree with write-safetensors.ts."""
    with safe_open(path("bicot.safetensors"), framework="pt") as file:
        assert file.metadata() == {"title": "Grüße 🍌"}, file.metadata()
        assert sorted(file.keys()) == ["bytes", "empty", "float", "integer"], file.keys()
        expected = {
            "bytes": torch.tensor([1, 2, 255], dtype=torch.uint8),
            "float": torch.tensor([[0.5, -1.25, 3e38], [0.1, 1e-45, -0.0]]),
            "integer": torch.tensor([[-(2**31)], [2**31 - 1]], dtype=torch.int32),
            "empty": torch.zeros(0, 2),
        }
        for name, tensor in expected.items():
            read = file.get_tensor(name)
            assert read.dtype == tensor.dtype and torch.equal(read, tensor), name


if __name__ == "__main__":
    write_official()
    check_bicot()
    print("bicot.safetensors is read by the official reader")
