"""Picture files to 224x224 pixels, and the variants of them that training sees.

A variant is written as a PNG of exactly 224x224, on which the program's own resampling changes nothing.
"""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageOps

from .composed import COLOURS, SIDE, shade

Image.MAX_IMAGE_PIXELS = 40_000_000


def load(file: Path) -> Image.Image:
    """The picture as RGBA, at most 1,024 pixels wide and high; raises what Pillow raises for a damaged or huge one."""
    with Image.open(file) as source:
        if source.width * source.height > Image.MAX_IMAGE_PIXELS:
            raise ValueError(f"{file}: {source.width}x{source.height} pixels are more than are read")
        source.draft("RGB", (1024, 1024))
        turned = ImageOps.exif_transpose(source).convert("RGBA")
    turned.thumbnail((1024, 1024), Image.Resampling.BICUBIC)
    return turned


def is_cut_out(picture: Image.Image) -> bool:
    """Whether a part worth the name is transparent."""
    histogram = picture.getchannel("A").histogram()
    return sum(histogram[:32]) > 0.05 * picture.width * picture.height


def plain(picture: Image.Image) -> Image.Image:
    """As the program sees it: on white, the whole of it squeezed into the square."""
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    white.alpha_composite(picture)
    return white.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def fingerprint(picture: Image.Image) -> int:
    """512 bits, alike for pictures that look alike: which of two neighbours is brighter, across and down, within what is
    not empty."""
    grey = plain(picture).convert("L")
    box = ImageOps.invert(grey).point(lambda value: 255 if value > 12 else 0).getbbox()
    small = grey.crop(box).resize((17, 17), Image.Resampling.BOX)
    values = small.tobytes()
    bits = 0
    for place in range(16 * 17):
        if place % 17 < 16:
            bits = bits << 1 | (values[place] > values[place + 1])
            bits = bits << 1 | (values[place] > values[place + 17])
    return bits


def variant(picture: Image.Image, chance: random.Random, scenes: list[Image.Image]) -> tuple[Image.Image, str]:
    """A varied view, and what its background is: a colour's name, `scene`, or empty where nothing can be said.

    What is cut out is turned, scaled and set before a colour or a part of a photograph; the rest is cropped mildly.
    """
    if chance.random() < 0.5:
        picture = ImageOps.mirror(picture)
    if not is_cut_out(picture):
        width, height = picture.size
        left, top, right, bottom = (chance.uniform(0, 0.14) for _ in range(4))
        box = (int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height))
        return plain(picture.crop(box)), ""
    piece = picture.crop(picture.getbbox())
    piece = piece.rotate(chance.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True)
    stretch = chance.uniform(0.75, 1.33)
    reach = chance.uniform(0.45, 1.0) * SIDE
    scale = reach / max(piece.width * stretch, piece.height)
    piece = piece.resize((max(8, int(piece.width * stretch * scale)), max(8, int(piece.height * scale))), Image.Resampling.BICUBIC)
    if scenes and chance.random() < 0.6:
        scene = chance.choice(scenes)
        side = int(min(scene.size) * chance.uniform(0.4, 1.0))
        x, y = chance.randint(0, scene.width - side), chance.randint(0, scene.height - side)
        canvas = scene.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        told = "scene"
    else:
        told = "white" if chance.random() < 0.4 else chance.choice(list(COLOURS))
        canvas = Image.new("RGB", (SIDE, SIDE), shade(told, chance))
    canvas.paste(piece, (chance.randint(0, max(0, SIDE - piece.width)), chance.randint(0, max(0, SIDE - piece.height))), piece)
    return canvas, told
