"""CLIP ViT-B/16's image tower in PyTorch, from the GGUF file that ships: https://arxiv.org/abs/2103.00020.

Pre-norm blocks, a class token, learned positions, quick-GELU. The file keeps the published integers; their scales are
beside them, one for each output. Products are bf16 with fp32 sums, or fp32 where bf16 is slow; what is carried from block
to block is fp32.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from torch import Tensor
from torch.nn import functional

from .language import arithmetic

# OpenAI's, by which pictures are normalised; the file leaves them out.
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711])


class Tower:
    """The encoder: pictures to the hidden states behind its last block, before the final norm."""

    def __init__(self, file: Path) -> None:
        reader = GGUFReader(file)

        def key(name: str) -> float:
            return reader.fields[f"clip.vision.{name}"].contents()

        self.tensors = {}
        for tensor in reader.tensors:
            values = dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
            self.tensors[tensor.name] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
        for name in [name for name in self.tensors if name.endswith(".scale")]:
            weight = name.removesuffix("scale") + "weight"
            self.tensors[weight] = (self.tensors[weight] * self.tensors.pop(name)[:, None]).to(arithmetic())
        self.blocks = int(key("block_count"))
        self.heads = int(key("attention.head_count"))
        self.epsilon = float(key("attention.layer_norm_epsilon"))
        self.patch = int(key("patch_size"))

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"], self.epsilon)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x.to(arithmetic()), self.tensors[f"{name}.weight"]).float() + self.tensors[f"{name}.bias"]

    @torch.inference_mode()
    def __call__(self, pictures: Tensor) -> Tensor:
        """[B, 224, 224, 3] bytes to [B, 197, 768]."""
        pixels = ((pictures.float() / 255 - MEAN) / DEVIATION).permute(0, 3, 1, 2)
        patches = functional.conv2d(pixels, self.tensors["v.patch_embd.weight"], stride=self.patch).flatten(2).transpose(1, 2)
        x = torch.cat((self.tensors["v.class_embd"].expand(len(pictures), 1, -1), patches), 1)
        x = self._norm(x + self.tensors["v.position_embd.weight"], "v.pre_ln")
        for block in range(self.blocks):
            name = f"v.blk.{block}"
            y = self._norm(x, f"{name}.ln1")
            q, k, v = (self._linear(y, f"{name}.attn_{part}").unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in "qkv")
            seen = functional.scaled_dot_product_attention(*(part.to(arithmetic()) for part in (q, k, v)))
            x = x + self._linear(seen.transpose(1, 2).flatten(2), f"{name}.attn_out")
            y = self._linear(self._norm(x, f"{name}.ln2"), f"{name}.ffn_up")
            x = x + self._linear(y * torch.sigmoid(1.702 * y), f"{name}.ffn_down")
        return x
