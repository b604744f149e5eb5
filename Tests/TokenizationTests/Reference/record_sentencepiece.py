"""Records the ids of the 2,000 texts of texts.py by SentencePiece, computed by PyPI `sentencepiece`.

Run:  python3 -m venv venv && venv/bin/pip install sentencepiece==0.2.3
      venv/bin/python record_sentencepiece.py tokenizer.model ../Fixtures

`tokenizer.model` is LLaMA's. Besides it, two variants are made in memory: without the space prefix, and with a few
user-defined symbols and unused pieces. Writes `sentencepiece.json`: for each variant the ids of each text; null stands
for the ids that the model as it is gives.
"""

import json
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as protocol

from texts import texts

USER_DEFINED = ["\n\n", "<table>", "▁▁▁", "world"]
UNUSED = ["he", "▁w", "▁the", "ello", "or"]


def encode(model, samples):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    return [processor.encode(sample) for sample in samples]


def main():
    with open(sys.argv[1], "rb") as file:
        serialized = file.read()

    def model():
        result = protocol.ModelProto()
        result.ParseFromString(serialized)
        return result

    samples = texts()
    recorded = {"plain": encode(model(), samples)}
    bare = model()
    bare.normalizer_spec.add_dummy_prefix = False
    recorded["no-prefix"] = encode(bare, samples)
    odd = model()
    for piece in odd.pieces:
        if piece.piece in UNUSED:
            piece.type = protocol.ModelProto.SentencePiece.UNUSED
        if piece.piece in USER_DEFINED:
            piece.type = protocol.ModelProto.SentencePiece.USER_DEFINED
    for symbol in USER_DEFINED:
        if symbol not in [piece.piece for piece in odd.pieces]:
            odd.pieces.append(protocol.ModelProto.SentencePiece(piece=symbol, score=0, type=protocol.ModelProto.SentencePiece.USER_DEFINED))
    recorded["odd"] = encode(odd, samples)
    for name in ["no-prefix", "odd"]:
        recorded[name] = [None if ids == base else ids for ids, base in zip(recorded[name], recorded["plain"])]
    with open(sys.argv[2] + "/sentencepiece.json", "w") as file:
        json.dump(recorded, file, separators=(",", ":"))


main()
