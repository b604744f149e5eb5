"""Reads the files inside Qt's binary resource collections (`.rcc`).

Format: `rcc`'s generated header `qres`, big-endian numbers, then a tree of 22-byte nodes (14 before version 2), names
in UTF-16 and data that may be compressed with zlib behind a four-byte length.
Source: https://doc.qt.io/qt-5/resources.html and the layout that `rcc --binary` writes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_COMPRESSED = 1
_FOLDER = 2


class ResourceError(ValueError):
    """A file that is no resource collection, or a damaged one."""


def read_resources(path: Path, most_bytes: int = 64 << 20) -> Iterator[tuple[str, bytes]]:
    """Yields each file of a collection: its path inside, and its bytes (at most `most_bytes` of them)."""
    data = path.read_bytes()
    try:
        yield from _Collection(data, most_bytes).files()
    except (struct.error, zlib.error, RecursionError, UnicodeDecodeError) as error:
        raise ResourceError(f"{path}: damaged resource collection: {error}") from error


class _Collection:
    """The bytes of one collection and where its tables begin."""

    def __init__(self, data: bytes, most_bytes: int) -> None:
        if data[:4] != b"qres":
            raise ResourceError("expected a file that begins with 'qres'")
        self.data = data
        self.most_bytes = most_bytes
        self.version, self.tree, self.contents, self.names = struct.unpack_from(">4i", data, 4)
        self.node_bytes = 22 if self.version >= 2 else 14

    def files(self, node: int = 0, folder: str = "", depth: int = 0) -> Iterator[tuple[str, bytes]]:
        """Yields what lies below `node`."""
        if depth > 32:
            raise ResourceError("folders nested more than 32 deep")
        position = self.tree + node * self.node_bytes
        name_offset, flags = struct.unpack_from(">ih", self.data, position)
        name = self._name(name_offset) if node else ""
        path = f"{folder}/{name}" if folder else name
        if flags & _FOLDER:
            count, first = struct.unpack_from(">ii", self.data, position + 6)
            for child in range(first, first + count):
                yield from self.files(child, path, depth + 1)
        else:
            (offset,) = struct.unpack_from(">i", self.data, position + 10)
            yield path, self._content(offset, flags)

    def _name(self, offset: int) -> str:
        position = self.names + offset
        (length,) = struct.unpack_from(">H", self.data, position)
        return self.data[position + 6 : position + 6 + 2 * length].decode("utf-16-be")

    def _content(self, offset: int, flags: int) -> bytes:
        position = self.contents + offset
        (length,) = struct.unpack_from(">i", self.data, position)
        content = self.data[position + 4 : position + 4 + length]
        if flags & ~(_COMPRESSED | _FOLDER):
            raise ResourceError(f"compressed in a way this does not read (flags {flags})")
        if flags & _COMPRESSED:
            content = zlib.decompressobj().decompress(content[4:], self.most_bytes)
        return content
