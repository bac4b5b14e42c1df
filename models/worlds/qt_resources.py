"""Files inside Qt's compiled resource archives (.rcc), read without Qt.

Layout, after Qt's documented rcc tool: header `qres`, version, offsets of tree, data and names; a tree of nodes of 14
or, from version 2, 22 bytes; names as UTF-16; data blobs preceded by their length, stored, zlib- or zstd-packed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_FOLDER, _ZLIB, _ZSTD = 2, 1, 4
_DEEPEST = 24
_LARGEST = 64 * 2**20


class ResourceProblem(ValueError):
    """A resource archive that cannot be read; the text names the file and the remedy."""


def entries(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name with folders, content) of every stored or zlib-packed file, in the order of the tree.

    zstd-packed files are passed over: pictures are never packed again. Raises ResourceProblem for anything damaged.
    """
    blob = path.read_bytes()
    try:
        if blob[:4] != b"qres":
            raise ResourceProblem(f"{path.name} is no Qt resource archive. Delete the package's folder and run again.")
        version, tree, data, names = struct.unpack_from(">4I", blob, 4)
        yield from _walk(blob, (tree, data, names), 22 if version >= 2 else 14, 0, "", 0)
    except (struct.error, zlib.error, IndexError, UnicodeDecodeError) as problem:
        raise ResourceProblem(
            f"{path.name} is damaged ({problem}). Delete the package's folder and run again."
        ) from problem


def _walk(
    blob: bytes, offsets: tuple[int, int, int], width: int, node: int, above: str, depth: int
) -> Iterator[tuple[str, bytes]]:
    if depth > _DEEPEST:
        raise IndexError("folders nested too deeply")
    tree, data, names = offsets
    at = tree + node * width
    label, flags = struct.unpack_from(">IH", blob, at)
    name = above + (_name(blob, names + label) if node else "")
    if flags & _FOLDER:
        count, first = struct.unpack_from(">2I", blob, at + 6)
        for child in range(first, first + count):
            yield from _walk(blob, offsets, width, child, f"{name}/" if name else "", depth + 1)
        return
    (start,) = struct.unpack_from(">I", blob, at + 10)
    (length,) = struct.unpack_from(">I", blob, data + start)
    content = blob[data + start + 4 : data + start + 4 + length]
    if len(content) != length:
        raise IndexError(f"{name} is cut short")
    if flags & _ZSTD:
        return
    if flags & _ZLIB:
        content = zlib.decompressobj().decompress(content[4:], _LARGEST)
    yield name, content


def _name(blob: bytes, at: int) -> str:
    (length,) = struct.unpack_from(">H", blob, at)
    return blob[at + 6 : at + 6 + 2 * length].decode("utf-16-be")
