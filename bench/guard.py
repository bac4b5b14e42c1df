"""How fast the guard refuses a decompression bomb: a valid PNG of 164 megapixels in about 20 kB, made in memory."""

from __future__ import annotations

import resource
import statistics
import struct
import sys
import tempfile
import time
import tracemalloc
import zlib
from pathlib import Path

from app.guard import BadInput, read_image

SIDE = 12_806
RUNS = 50


def run() -> dict[str, object]:
    """`bomb_refused_ms`: median over runs, from a file as the app receives it. `config` has the growth of memory."""
    data = bomb()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bomb.png"
        path.write_bytes(data)
        message = _refused(path)
        before = _peak_resident()
        times = sorted(_timed(path) for _ in range(RUNS))
        grown = _peak_resident() - before
        tracemalloc.start()
        _refused(path)
        allocated = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return {
        "figures": {"bomb_refused_ms": statistics.median(times)},
        "config": {
            "runs": RUNS,
            "file_bytes": len(data),
            "megapixels": round(SIDE * SIDE / 1e6, 1),
            "slowest_ms": times[-1],
            "peak_memory_growth_bytes": grown,
            "peak_allocated_bytes": allocated,
            "message": message,
        },
    }


def bomb() -> bytes:
    """A black PNG of SIDE x SIDE pixels, one bit each; the rows are compressed piece by piece."""
    row = bytes(1 + (SIDE + 7) // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(tag: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))


def _timed(path: Path) -> float:
    start = time.perf_counter()
    _refused(path)
    return (time.perf_counter() - start) * 1000


def _refused(path: Path) -> str:
    try:
        read_image(path)
    except BadInput as refusal:
        return str(refusal)
    raise AssertionError("the bomb was accepted")


def _peak_resident() -> int:
    """Largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
