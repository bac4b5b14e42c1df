"""How large a picture is worked on."""

from __future__ import annotations


def shrunk(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """Both sides scaled so that the longer has at most ``longest`` pixels; never enlarged, at least one pixel."""
    scale = min(1.0, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
