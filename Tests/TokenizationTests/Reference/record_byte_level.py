"""Records the ids of 2,000 texts by the byte-level pre-tokenizers, computed by PyPI `tokenizers`.

Run:  python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 gguf==0.19.0 numpy
      venv/bin/python record_byte_level.py SmolLM2-135M-Instruct.Q4_1.gguf ../Fixtures

Vocabulary and merges are SmolLM2's for all four kinds; what differs is how text is cut into words. The definitions are
those of the published tokenizer.json files of GPT-2, SmolLM2, Llama 3 and Qwen2 (the latter without its NFC step, which
GGUF files do not carry). Writes `texts.json` (the texts) and `byte-level.json` (for each kind the ids, as differences
would not compress better: plain numbers, one text per element).
"""

import json
import sys

from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from texts import texts

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


KINDS = {
    "gpt-2": (False, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)),
    "smollm": (False, pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
    ])),
    "llama-bpe": (True, split(LLAMA3)),
    "qwen2": (False, split(QWEN2)),
}


def main():
    fields = GGUFReader(sys.argv[1]).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    samples = texts()
    recorded = {}
    for name, (ignore_merges, pre_tokenizer) in KINDS.items():
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges))
        tokenizer.pre_tokenizer = pre_tokenizer
        recorded[name] = [encoding.ids for encoding in tokenizer.encode_batch(samples, add_special_tokens=False)]
    with open(sys.argv[2] + "/texts.json", "w") as file:
        json.dump(samples, file, separators=(",", ":"), ensure_ascii=False)
    with open(sys.argv[2] + "/byte-level.json", "w") as file:
        json.dump(recorded, file, separators=(",", ":"))


main()
