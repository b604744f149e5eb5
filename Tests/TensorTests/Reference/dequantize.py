"""Record what PyPI gguf makes of blocks of every weight type, for DequantizationTests.

    VENV/bin/pip install gguf numpy                        # here 0.19.0 and 2.4.6
    VENV/bin/python Tests/TensorTests/Reference/dequantize.py

Writes Fixtures/dequantize.json: for each type the blocks as a file holds them and the fp32 values as little-endian
bits, both in base64. Quants are random bytes; scales and minimums take every edge of fp16 that is a number, then
random ones. Infinite scales are left out: what a NaN's bits are is nobody's promise.
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

# Zero, ones, the smallest and largest subnormals, the smallest normal, the largest finite, each with both signs.
EDGES = [sign | bits for bits in (0, 0x3C00, 0x0001, 0x03FF, 0x0400, 0x7BFF) for sign in (0, 0x8000)]
# Where the fp16 numbers of a block lie.
SCALES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2],
          "Q6_K": [208]}


def finite_halves(random, count):
    bits = random.integers(0, 0x10000, 4 * count).astype(np.uint16)
    return bits[(bits & 0x7C00) != 0x7C00][:count]


def blocks(name, random):
    if name == "F16":
        return np.concatenate([np.array(EDGES + [0x7C00, 0xFC00], np.uint16), finite_halves(random, 243)]).view(np.uint8)
    if name == "BF16":
        edges = [sign | bits for bits in (0, 0x3F80, 0x0001, 0x007F, 0x0080, 0x7F7F, 0x7F80) for sign in (0, 0x8000)]
        rest = random.integers(0, 0x7F80, 243).astype(np.uint16) | (random.integers(0, 2, 243) << 15).astype(np.uint16)
        return np.concatenate([np.array(edges, np.uint16), rest]).view(np.uint8)
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    count = len(EDGES) + (4 if name.endswith("K") else 20)
    data = random.integers(0, 256, (count, size)).astype(np.uint8)
    # All quants lowest, all highest.
    data[-1], data[-2] = 0x00, 0xFF
    for place, offset in enumerate(SCALES[name]):
        # Scales and minimums meet at different edges.
        edges = np.roll(np.array(EDGES, np.uint16), 5 * place)
        halves = np.concatenate([edges, finite_halves(random, count - len(EDGES))])
        data[:, offset : offset + 2] = halves.view(np.uint8).reshape(count, 2)
    return data.reshape(-1)


def main():
    random = np.random.default_rng(20260607)
    recorded = {}
    for name in ["F16", "BF16", *SCALES]:
        data = blocks(name, random)
        with np.errstate(all="ignore"):
            values = gguf.dequantize(data, gguf.GGMLQuantizationType[name]).astype("<f4").reshape(-1)
        assert not np.isnan(values).any(), name
        recorded[name] = {
            "blocks": base64.b64encode(data.tobytes()).decode(),
            "values": base64.b64encode(values.tobytes()).decode(),
        }
    target = Path(__file__).parent.parent / "Fixtures/dequantize.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(recorded, indent=1) + "\n")


if __name__ == "__main__":
    main()
