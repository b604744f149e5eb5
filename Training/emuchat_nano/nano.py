"""Projection and decoder together: what answers about a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, dequantize
from torch import Tensor, nn
from torch.nn import functional

from .artefact import tensor_name
from .batches import IGNORED, PICTURE_ROWS, Batch
from .language import Decoder, NameMemory, Projection

MEMORY = tuple(f"projection.memory.{name}" for name in ("key.weight", "key.bias", "value.weight"))


class Nano(nn.Module):
    """The model; `rank` and `alpha` are those of the adapters."""

    def __init__(self, model: Path, rank: int, alpha: float, kind: torch.dtype) -> None:
        super().__init__()
        self.projection = Projection()
        self.decoder = Decoder(model, rank, alpha, kind)

    def embed(self, ids: Tensor, rows: Tensor, starts: list[int]) -> Tensor:
        """Token embeddings [B, T, D] with each picture's projected rows [B, 50, D] in their place."""
        x = functional.embedding(ids, self.decoder.embedding).float()
        places = torch.tensor(starts)[:, None] + torch.arange(PICTURE_ROWS)
        return x.index_put((torch.arange(len(starts))[:, None].expand_as(places), places), rows)

    def states(self, batch: Batch, rows: Tensor, shared: int, between: dict[int, Tensor] | None = None, blocks: int | None = None) -> Tensor:
        """Hidden states [B, T - shared, D] behind the first `shared` tokens, which are the same in all sequences.

        Those are computed once: their keys and values stand before each sequence. `between` and `blocks` as the decoder takes
        them.
        """
        count = len(batch.starts)
        caches: list[dict[str, Tensor]] = [{} for _ in self.decoder.blocks[:blocks]]
        before = functional.embedding(batch.ids[:1, :shared], self.decoder.embedding)
        self.decoder(before, batch.positions[:1, :shared], None, caches, blocks=blocks)
        for cache in caches:
            for part in ("k", "v"):
                cache[part] = cache[part].expand(count, -1, -1, -1)
        x = self.embed(batch.ids[:, shared:], rows, [start - shared for start in batch.starts])
        return self.decoder(x, batch.positions[:, shared:], batch.mask[:, :, shared:], caches, between, blocks)

    def loss(self, batch: Batch, rows: Tensor, shared: int, between: dict[int, Tensor] | None = None) -> Tensor:
        """Loss of each answer's tokens, [N] in the order of `batch.targets`; `shared` and `between` as for `states`."""
        hidden = self.states(batch, rows, shared, between)
        targets = batch.targets[:, shared:]
        wanted = targets != IGNORED
        return functional.cross_entropy(self.decoder.logits(hidden[wanted]), targets[wanted], reduction="none")

    def load(self, parameters: dict[str, Tensor]) -> None:
        """Takes the parameters that a checkpoint holds."""
        outputs, size = parameters["projection.memory.value.weight"].shape
        self.projection.memory = NameMemory(self.projection.up.in_features, size, outputs)
        self.load_state_dict(parameters)

    def load_artefact(self, artefact: Path) -> None:
        """Takes the parameters that an artefact (artefact.py) holds."""
        tensors = {
            tensor.name: torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), np.float32))
            for tensor in GGUFReader(artefact).tensors
        }
        self.load({name: tensors[tensor_name(name)] for name in {*dict(self.named_parameters()), *MEMORY}})


class WhitenedProjection(nn.Module):
    """A projection learned behind a basis [768, 768] around a middle [768]: takes normed rows [B, 50, 768] to [B, 50, D].

    The norm of the projection that it starts from is folded into the linear layer.
    """

    def __init__(self, projection: Projection, basis: Tensor, middle: Tensor) -> None:
        super().__init__()
        projection.fold_norm()
        self.register_buffer("basis", basis)
        self.register_buffer("middle", middle)
        self.memory = projection.memory
        weight = projection.up.weight.detach()
        self.weight = nn.Parameter(torch.linalg.solve(basis.double(), weight.double(), left=False).float())
        self.bias = nn.Parameter(projection.up.bias.detach() + weight @ middle)

    def folded(self) -> tuple[Tensor, Tensor]:
        """The weight [D, 768] and the bias [D] of the one layer that it amounts to."""
        weight = self.weight @ self.basis
        return weight, self.bias - weight @ self.middle

    def forward(self, rows: Tensor) -> Tensor:
        """As above."""
        said = functional.linear(rows, *self.folded())
        return self.memory.add_to(said, rows) if self.memory else said

    @torch.no_grad()
    def fold_into(self, projection: Projection) -> None:
        """Writes it into the layer that ships; the norm there is without parameters of its own since `fold_norm`."""
        weight, bias = self.folded()
        projection.up.weight.copy_(weight)
        projection.up.bias.copy_(bias)
