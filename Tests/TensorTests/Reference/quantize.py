"""Record what PyPI gguf makes of weights as Q8_0 and Q4_0, and how near Q4_K can come, for WeightConversionTests.

    VENV/bin/pip install gguf numpy                        # here 0.19.0 and 2.4.6
    VENV/bin/python Tests/TensorTests/Reference/quantize.py

Writes Fixtures/quantize.json: fp32 weights as little-endian bits, the blocks of both types, all in base64, and for Q4_K,
which gguf does not write, the root mean square error of two encodings made here: `plain` shares each group's range out
evenly; `searched` tries 400 ranges for each group in fp64. Both are stored with the format's six-bit scales and read
back by gguf's own dequantisation.
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

TYPES = gguf.GGMLQuantizationType


def weights(random):
    """Rows of 256: like trained weights, with outliers, with one sign, with zeros, with halves, tiny, huge."""
    rows = [random.normal(0, 0.02, 256) for _ in range(16)]
    rows += [random.standard_t(3, 256) * 0.05 for _ in range(8)]
    rows += [np.abs(random.normal(0, 1, 256)), -np.abs(random.normal(0, 1, 256)), np.zeros(256)]
    rows += [random.integers(-127, 128, 256) / 2, random.integers(-8, 8, 256) + 0.5, np.full(256, 0.25)]
    rows += [random.normal(0, 1e-30, 256), random.normal(0, 1e5, 256)]
    # Ties in magnitude, and numbers whose halves round in fp32 but not above.
    rows += [np.tile([1.0, -1.0], 128), np.nextafter(np.float32(0.5), np.float32(0)) * random.integers(-9, 10, 256)]
    return np.array(rows, np.float32)


def packed(scale, minimum, scales, minimums, quants):
    """One block of Q4_K."""
    block = bytearray(np.array([scale, minimum], np.float16).tobytes())
    codes = [0] * 12
    for group in range(8):
        s, m = int(scales[group]), int(minimums[group])
        if group < 4:
            codes[group] |= s
            codes[group + 4] |= m
        else:
            codes[group + 4] = (s & 15) | (m & 15) << 4
            codes[group - 4] |= (s >> 4) << 6
            codes[group] |= (m >> 4) << 6
    block += bytes(codes)
    for pair in range(4):
        block += bytes((quants[2 * pair] | quants[2 * pair + 1] << 4).astype(np.uint8))
    return bytes(block)


def encoded(row, candidates):
    groups = row.astype(np.float64).reshape(8, 32)
    lines = []
    for x in groups:
        low, high = min(x.min(), 0), x.max()
        best = ((high - low) / 15, -low)
        least = np.inf
        for shrink in candidates:
            step = (high - low) * shrink / 15
            if step <= 0:
                continue
            for base in ([low] if len(candidates) == 1 else low * np.linspace(0.7, 1, 20)):
                quants = np.clip(np.rint((x - base) / step), 0, 15)
                error = ((step * quants + base - x) ** 2).sum()
                if error < least:
                    least, best = error, (step, -base)
        lines.append(best)
    lines = np.array(lines)
    scale, minimum = (np.float64(np.float16(v / 63)) for v in lines.max(axis=0))
    scales = np.clip(np.rint(lines[:, 0] / scale), 0, 63) if scale > 0 else np.zeros(8)
    minimums = np.clip(np.rint(lines[:, 1] / minimum), 0, 63) if minimum > 0 else np.zeros(8)
    steps, bases = scale * scales, minimum * minimums
    safe = np.where(steps > 0, steps, 1)[:, None]
    quants = np.clip(np.rint((groups + bases[:, None]) / safe), 0, 15).astype(int) * (steps > 0)[:, None]
    return packed(scale, minimum, scales, minimums, quants)


def error(values, candidates):
    blocks = np.frombuffer(b"".join(encoded(row, candidates) for row in values), np.uint8)
    found = gguf.dequantize(blocks, TYPES.Q4_K).reshape(values.shape)
    return float(np.sqrt(((found.astype(np.float64) - values) ** 2).mean()))


def main():
    random = np.random.default_rng(20261121)
    values = weights(random)
    with np.errstate(over="ignore", invalid="ignore"):
        blocks = {name: gguf.quantize(values, TYPES[name]).tobytes() for name in ["Q8_0", "Q4_0"]}
    ordinary = {"normal": values[:16], "heavy": values[16:24], "positive": values[24:25]}
    recorded = {
        "values": base64.b64encode(values.astype("<f4").tobytes()).decode(),
        "blocks": {name: base64.b64encode(data).decode() for name, data in blocks.items()},
        "q4_k": {
            name: {
                "values": base64.b64encode(rows.astype("<f4").tobytes()).decode(),
                "plain": error(rows, [1.0]),
                "searched": error(rows, np.linspace(0.7, 1.02, 20)),
            }
            for name, rows in ordinary.items()
        },
    }
    target = Path(__file__).parent.parent / "Fixtures/quantize.json"
    target.write_text(json.dumps(recorded, indent=1) + "\n")
    print({name: (item["plain"], item["searched"]) for name, item in recorded["q4_k"].items()})


if __name__ == "__main__":
    main()
