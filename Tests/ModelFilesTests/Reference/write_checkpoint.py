"""Write two small checkpoints with PyTorch, in its present and its old layout, for PyTorchFileTests.

    VENV/bin/pip install torch numpy                       # here 2.15.0
    VENV/bin/python Tests/ModelFilesTests/Reference/write_checkpoint.py

Writes Fixtures/torch-zip.bin and Fixtures/torch-legacy.bin.
"""

from collections import OrderedDict
from pathlib import Path

import torch


def state():
    embedding = torch.nn.Parameter((torch.arange(12, dtype=torch.float32) / 8).reshape(4, 3))
    norm = torch.nn.LayerNorm(3)
    tensors = OrderedDict()
    tensors["embedding.weight"] = embedding
    for name, value in norm.state_dict().items():
        tensors["norm." + name] = value
    tensors["shared"] = embedding.data
    tensors["turned"] = embedding.data.t()
    tensors["half"] = torch.tensor([1.0, -2.0], dtype=torch.float16)
    tensors["brain"] = torch.tensor([1.0, -3.140625], dtype=torch.bfloat16)
    tensors["double"] = torch.tensor([0.1], dtype=torch.float64)
    tensors["counts"] = torch.tensor([[1, -2]], dtype=torch.int64)
    tensors["bytes"] = torch.tensor([1, 255], dtype=torch.uint8)
    tensors["flag"] = torch.tensor([True])
    tensors["scalar"] = torch.tensor(0.5)
    tensors["part"] = embedding.data[2]
    return tensors


def main():
    folder = Path(__file__).parent.parent / "Fixtures"
    folder.mkdir(exist_ok=True)
    torch.save({"module": state(), "epoch": 3, "rates": [1e-3, 0.5], "name": "small"}, folder / "torch-zip.bin")
    torch.save(state(), folder / "torch-legacy.bin", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
