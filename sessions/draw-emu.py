"""Draws the picture of the example sessions: an emu on a plain, 240 by 180 pixels, as PNG. Needs Python alone."""

import struct
import sys
import zlib

WIDTH, HEIGHT = 240, 180
SKY, PLAIN, SUN = (150, 200, 235), (205, 170, 95), (250, 215, 90)
BODY, NECK, BEAK, EYE = (80, 60, 45), (110, 85, 65), (60, 60, 60), (245, 245, 235)


def inside(x, y, centre_x, centre_y, radius_x, radius_y):
    return ((x - centre_x) / radius_x) ** 2 + ((y - centre_y) / radius_y) ** 2 <= 1


def colour(x, y):
    """The colour of one pixel: the foremost shape that covers it."""
    if inside(x, y, 163, 41, 2.5, 2.5):
        return EYE
    if inside(x, y, 158, 42, 12, 10):
        return NECK
    if 168 <= x <= 184 and abs(y - 44) <= (184 - x) / 4:
        return BEAK
    if 42 <= y <= 100 and abs(x - (152 - (y - 42) * 0.25)) <= 5 + (y - 42) * 0.06:
        return NECK
    if inside(x, y, 112, 100, 48, 28):
        return BODY
    if 118 <= y <= 164 and (abs(x - 104) <= 3 or abs(x - 124) <= 3):
        return BEAK
    if 161 <= y <= 165 and (100 <= x <= 114 or 120 <= x <= 134):
        return BEAK
    if inside(x, y, 40, 36, 17, 17):
        return SUN
    return SKY if y < 122 else PLAIN


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = b"".join(b"\0" + bytes(part for x in range(WIDTH) for part in colour(x, y)) for y in range(HEIGHT))
header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
with open(sys.argv[1], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
