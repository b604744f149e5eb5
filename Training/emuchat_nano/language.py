"""SmolLM2 as the program runs it, in PyTorch: the weights of the Q4_1 file that ships, frozen, with adapters beside.

LLaMA: https://arxiv.org/abs/2302.13971. LoRA: https://arxiv.org/abs/2106.09685. Shapes: B sequences, T tokens,
D = 576 embedding, H = 9 heads and K = 3 key-value heads of 64. Rows of q and k are in GGUF's order, so rotary pairs are
neighbours (2i, 2i + 1).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from torch import Tensor, nn
from torch.nn import functional

ADAPTED = ("attn_q", "attn_v", "attn_output", "ffn_down")


def arithmetic() -> torch.dtype:
    """What products are computed in: bf16, or fp32 on CPUs for which PyTorch has no fast products of bf16."""
    return torch.bfloat16 if torch.backends.cpu.get_cpu_capability() == "AVX512" else torch.float32


class Adapted(nn.Module):
    """A frozen matrix [outputs, inputs] with a low-rank one beside: W x + (alpha / rank) B (A x)."""

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)
        self.scale = alpha / rank
        self.lora_a = nn.Parameter(torch.randn(rank, weight.shape[1]) / weight.shape[1] ** 0.5)
        self.lora_b = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x: Tensor) -> Tensor:
        """[…, inputs] to […, outputs]."""
        low = functional.linear(functional.linear(x, self.lora_a.to(x.dtype)), self.lora_b.to(x.dtype))
        return functional.linear(x, self.weight) + self.scale * low


class Frozen(nn.Module):
    """A frozen matrix."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[…, inputs] to […, outputs]."""
        return functional.linear(x, self.weight)


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Root-mean-square norm, in fp32."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions over neighbouring pairs; x is [B, heads, T, 64], the tables [B, 1, T, 32]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), -1).flatten(-2).to(x.dtype)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of [B, H, T, 64] over [B, H, S, 64], the last T of them its own; causal where there is no mask.

    Written out: the backward pass of PyTorch's fused one takes longer on a CPU than all matrices of the model.
    """
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    if mask is None and q.shape[2] > 1:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1).to(v.dtype) @ v


class Block(nn.Module):
    """One layer: attention, then the gated feed-forward network, each behind a norm and added to its input."""

    def __init__(self, tensors: dict[str, Tensor], layer: int, heads: tuple[int, int], epsilon: float, rank: int, alpha: float) -> None:
        super().__init__()
        self.heads, self.key_heads = heads
        self.epsilon = epsilon
        for name in ("attn_norm", "ffn_norm"):
            self.register_buffer(name, tensors[f"blk.{layer}.{name}.weight"].float(), persistent=False)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
            weight = tensors[f"blk.{layer}.{name}.weight"]
            self.add_module(name, Adapted(weight, rank, alpha) if name in ADAPTED and rank else Frozen(weight))

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor | None, cache: dict[str, Tensor] | None = None) -> Tensor:
        """[B, T, D] to [B, T, D]; `mask` is [B, 1, T, T], true where a token may look, or None for causal.

        With a cache, its keys and values stand before these tokens and theirs are added; then T is 1 or the cache empty.
        """
        batch, length, width = x.shape
        y = rms_norm(x, self.attn_norm, self.epsilon).to(self.attn_q.weight.dtype)
        q = self.attn_q(y).view(batch, length, self.heads, -1).transpose(1, 2)
        k = self.attn_k(y).view(batch, length, self.key_heads, -1).transpose(1, 2)
        v = self.attn_v(y).view(batch, length, self.key_heads, -1).transpose(1, 2)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache["k"], k), 2), torch.cat((cache["v"], v), 2)
            cache["k"], cache["v"] = k, v
        repeat = self.heads // self.key_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        seen = attend(q, k, v, mask)
        x = x + self.attn_output(seen.transpose(1, 2).reshape(batch, length, width))
        y = rms_norm(x, self.ffn_norm, self.epsilon).to(self.ffn_up.weight.dtype)
        return x + self.ffn_down(functional.silu(self.ffn_gate(y)) * self.ffn_up(y))


class Decoder(nn.Module):
    """The language model; `rank` 0 leaves the adapters out."""

    def __init__(self, file: Path, rank: int, alpha: float, kind: torch.dtype = torch.float32) -> None:
        super().__init__()
        reader = GGUFReader(file)
        tensors = {}
        for tensor in reader.tensors:
            values = dequantize(tensor.data, tensor.tensor_type).reshape(tuple(reversed(tensor.shape.tolist())))
            tensors[tensor.name] = torch.from_numpy(np.array(values, np.float32)).to(kind)

        def key(name: str) -> float:
            return reader.fields[f"llama.{name}"].contents()

        self.epsilon = float(key("attention.layer_norm_rms_epsilon"))
        heads = int(key("attention.head_count")), int(key("attention.head_count_kv"))
        self.register_buffer("embedding", tensors["token_embd.weight"], persistent=False)
        self.register_buffer("output", tensors.get("output.weight", tensors["token_embd.weight"]), persistent=False)
        self.register_buffer("norm", tensors["output_norm.weight"].float(), persistent=False)
        half = self.embedding.shape[1] // heads[0] // 2
        base = float(key("rope.freq_base"))
        self.register_buffer("frequencies", base ** (-torch.arange(half, dtype=torch.float32) / half), persistent=False)
        blocks = int(key("block_count"))
        self.blocks = nn.ModuleList(Block(tensors, layer, heads, self.epsilon, rank, alpha) for layer in range(blocks))

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        mask: Tensor | None,
        caches: list[dict[str, Tensor]] | None = None,
        between: dict[int, Tensor] | None = None,
        blocks: int | None = None,
    ) -> Tensor:
        """Embedded tokens [B, T, D] at positions [B, T] to normed hidden states [B, T, D]; a cache for each block, or none.

        The blocks that are keys of `between` leave what comes out of them there; only the first `blocks` are computed, or all.
        What is carried from block to block stays fp32: some of its values are so large that bf16 loses the others.
        """
        x = x.float()
        angles = (positions[..., None].float() * self.frequencies)[:, None]
        cosine, sine = angles.cos(), angles.sin()
        for index, block in enumerate(self.blocks[:blocks]):
            x = block(x, cosine, sine, mask, None if caches is None else caches[index])
            if between is not None and index in between:
                between[index] = x
        return rms_norm(x, self.norm, self.epsilon)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states […, D] to logits […, vocabulary] in fp32."""
        return functional.linear(hidden.to(self.output.dtype), self.output).float()


class NameMemory(nn.Module):
    """What a class token is called (naming.py), learned by no step: […, 768] to the values [D] of the keys that it is like."""

    def __init__(self, inputs: int, size: int, outputs: int) -> None:
        super().__init__()
        self.key = nn.Linear(inputs, size)
        self.value = nn.Linear(size, outputs, bias=False)
        self.requires_grad_(False)

    def forward(self, tokens: Tensor) -> Tensor:
        """As above."""
        return self.value(self.key(tokens).softmax(-1))

    def add_to(self, rows: Tensor, normed: Tensor) -> Tensor:
        """Rows [B, 50, D] with the names of the class tokens in the first of each picture; `normed` [B, 50, 768] is behind the norm."""
        return torch.cat((rows[:, :1] + self(normed[:, :1]), rows[:, 1:]), 1)


class Projection(nn.Module):
    """Picture features [B, 50, 768] to embeddings [B, 50, 576]: LayerNorm, then one linear layer; the class token's name is added."""

    def __init__(self, inputs: int = 768, outputs: int = 576) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs, eps=1e-5)
        self.up = nn.Linear(inputs, outputs)
        self.memory: NameMemory | None = None

    def forward(self, features: Tensor) -> Tensor:
        """As above, in the parameters' fp32."""
        normed = self.norm(features.float())
        rows = self.up(normed)
        return self.memory.add_to(rows, normed) if self.memory else rows

    @torch.no_grad()
    def fold_norm(self) -> None:
        """Moves the norm's own parameters into what comes behind: the norm is left with 1 and 0, the outputs stay the same."""
        for layer in (self.up, self.memory.key) if self.memory else (self.up,):
            layer.bias += layer.weight @ self.norm.bias
            layer.weight *= self.norm.weight
        self.norm.weight.fill_(1)
        self.norm.bias.zero_()
