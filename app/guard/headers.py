"""Image format and size from the first bytes of a file, without any decoder.

Pillow's `open` is lazy for most formats but not for all (its WebP plugin allocates the canvas), so the size that
decides about refusing is read here, by each format's published layout. A size is None when the bytes end before it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """What the first bytes say. format: Pillow's name; width, height: pixels as stored, None when not found."""

    format: str
    width: int | None = None
    height: int | None = None


# JPEG start-of-frame markers; C4, C8 and CC in the same range are tables and extensions.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset(range(0xD0, 0xD9)) | {0x01}

# Files people often try that are pictures to them but not to this reader.
_ELSEWHERE = {
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"8BPS": "Photoshop",
    b"<svg": "SVG",
}


def sniff(data: bytes) -> Header | None:
    """The header of `data`, or None when it begins like no image this reader knows."""
    for matches, parse in _PARSERS:
        if matches(data):
            return parse(data)
    return None


def foreign_kind(data: bytes) -> str | None:
    """The name of a well-known picture format that is recognised but not read (PDF, SVG, HEIC, ...), else None."""
    start = data[:512].lstrip()
    for magic, kind in _ELSEWHERE.items():
        if start.startswith(magic):
            return kind
    if start.startswith(b"<?xml") and b"<svg" in data[:4096]:
        return "SVG"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"):
        return "HEIC"
    return None


def jpeg_scans(data: bytes) -> int:
    """An upper bound on the number of scans: entropy-coded bytes never hold FF DA, so a plain count is enough."""
    return data.count(b"\xff\xda")


def _png(data: bytes) -> Header:
    if len(data) < 24 or data[12:16] != b"IHDR":
        return Header("PNG")
    width, height = struct.unpack(">II", data[16:24])
    return Header("PNG", width, height)


def _gif(data: bytes) -> Header:
    if len(data) < 10:
        return Header("GIF")
    width, height = struct.unpack("<HH", data[6:10])
    return Header("GIF", width, height)


def _bmp(data: bytes) -> Header:
    if len(data) < 26:
        return Header("BMP")
    (info_size,) = struct.unpack("<I", data[14:18])
    if info_size == 12:
        width, height = struct.unpack("<HH", data[18:22])
    else:
        width, height = struct.unpack("<ii", data[18:26])
    return Header("BMP", abs(width), abs(height))


def _webp(data: bytes) -> Header:
    if len(data) < 30:
        return Header("WEBP")
    kind = data[12:16]
    if kind == b"VP8X":
        return Header("WEBP", 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    return Header("WEBP")


def _jpeg(data: bytes) -> Header:
    position = 2
    while position + 9 <= len(data):
        if data[position] != 0xFF:
            position += 1
            continue
        marker = data[position + 1]
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return Header("JPEG", width, height)
        if marker == 0xFF:
            position += 1
        elif marker in _BARE_MARKERS:
            position += 2
        elif marker in (0xD9, 0xDA):
            break
        else:
            (length,) = struct.unpack(">H", data[position + 2 : position + 4])
            position += 2 + max(length, 2)
    return Header("JPEG")


_PARSERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Header]], ...] = (
    (lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda data: data[:6] in (b"GIF87a", b"GIF89a"), _gif),
    (lambda data: data.startswith(b"BM"), _bmp),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _webp),
    (lambda data: data[:4] in (b"II*\x00", b"MM\x00*"), lambda _: Header("TIFF")),
    (lambda data: data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"), lambda _: Header("AVIF")),
)
