"""Records what Pillow's bicubic resize makes of seeded pictures: SHA-256 of the RGB bytes.

    python -m pip install pillow==13.0.0 numpy==2.4.6
    python resample.py > ../Fixtures/bicubic.json

Pillow before 13 resamples rows first always; 13 begins with the columns of pictures that lose more rows than twice the
columns they lose. Both orders agree on most of these sizes; `columns_first` marks where they do not.

A picture's byte at index i (over rows, columns, channels) is the top byte of a 32-bit hash of i and the seed, mixed with
a ramp so that pictures have both noise and edges; ResamplingTests.swift computes the same.
"""

import hashlib
import json
import sys

import numpy
import PIL
from PIL import Image

SIZES = [
    # old width, old height, new width, new height
    (1, 1, 448, 448), (2, 1, 448, 448), (1, 3, 448, 448), (3, 2, 5, 7), (7, 5, 3, 2), (448, 448, 448, 448),
    (448, 100, 448, 448), (100, 448, 448, 448), (447, 449, 448, 448), (449, 447, 448, 448), (640, 480, 448, 448),
    (480, 640, 448, 448), (1000, 10, 112, 112), (10, 1000, 112, 112), (896, 896, 448, 448), (1920, 1080, 448, 448),
    (1080, 1920, 224, 224), (333, 777, 168, 168), (55, 44, 112, 112), (4000, 3, 448, 448), (3, 4000, 448, 448),
    (8000, 6000, 448, 448), (6000, 8000, 112, 112), (8000, 1, 1, 1), (1, 6000, 2, 1), (13, 17, 1000, 900),
    (1024, 768, 1, 1), (224, 224, 448, 448), (1500, 1499, 448, 448), (2048, 64, 448, 448), (5, 5, 4, 5), (5, 5, 5, 4),
    # Just at the limit between the two orders, and beyond it.
    (500, 552, 448, 448), (500, 553, 448, 448), (400, 448, 448, 447),
]


def picture(width, height, seed):
    index = numpy.arange(width * height * 3, dtype=numpy.uint32)
    mixed = (index + numpy.uint32(seed)) * numpy.uint32(2654435761)
    mixed ^= mixed >> numpy.uint32(15)
    mixed *= numpy.uint32(2246822519)
    noise = mixed >> numpy.uint32(24)
    ramp = (index // numpy.uint32(97)) & numpy.uint32(255)
    # Every 4th byte is extreme, which is where overshoot is clipped.
    value = numpy.where(noise & 3 == 0, numpy.where(noise & 4 == 0, 0, 255), (noise + ramp) & 255)
    return Image.fromarray(value.astype(numpy.uint8).reshape(height, width, 3))


cases = []
for seed, (width, height, new_width, new_height) in enumerate(SIZES):
    resized = picture(width, height, seed).resize((new_width, new_height), Image.Resampling.BICUBIC)
    rows = picture(width, height, seed).resize((new_width, height), Image.Resampling.BICUBIC)
    rows_first = rows.resize((new_width, new_height), Image.Resampling.BICUBIC)
    digest = hashlib.sha256(resized.tobytes()).hexdigest()
    cases.append({
        "seed": seed, "size": [width, height], "new_size": [new_width, new_height], "sha256": digest,
        "columns_first": rows_first.tobytes() != resized.tobytes(),
    })
json.dump({"pillow": PIL.__version__, "cases": cases}, sys.stdout, indent=1)
