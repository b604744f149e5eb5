"""Text to tokens as the program does it, and the ChatML prompt around a picture.

The tokenizer's vocabulary and merges come from the GGUF file: byte-level BPE, digits one by one ("smollm"). Stretches of
text before and behind a picture are tokenised apart, and no token is put before any of them.
"""

from __future__ import annotations

from pathlib import Path

from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n"
ASSISTANT = "<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"
CONTROL = 3


class Prompts:
    """Tokenises the parts of a conversation about a picture."""

    def __init__(self, model: Path) -> None:
        fields = GGUFReader(model).fields
        tokens: list[str] = fields["tokenizer.ggml.tokens"].contents()
        kinds: list[int] = fields["tokenizer.ggml.token_type"].contents()
        merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
        self.tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
        digits = pre_tokenizers.Digits(individual_digits=True)
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
        self.tokenizer.decoder = decoders.ByteLevel()
        special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL]
        self.tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
        self.end = self.tokenizer.token_to_id(END)
        self.before = self.encode(SYSTEM)

    def encode(self, text: str) -> list[int]:
        """Token ids of one stretch."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: list[int]) -> str:
        """The text of token ids, without special ones."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def question(self, text: str, separator: str = "") -> list[int]:
        """What stands between the picture and the answer."""
        return self.encode(separator + text + ASSISTANT)

    def follow_up(self, text: str) -> list[int]:
        """What stands between an answer (without its end) and the next answer."""
        return self.encode(f"<|im_end|>\n<|im_start|>user\n{text}{ASSISTANT}")

    def answer(self, text: str) -> list[int]:
        """The answer and its end."""
        return [*self.encode(text), self.end]
