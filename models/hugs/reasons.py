"""Why a pixel is static or not: one row for every question on the way to the answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One question, what was found, and whether it speaks for static. ``step``: the map's name in ``Fused``."""

    step: str
    question: str
    found: str
    static: bool


@dataclass(frozen=True)
class Reason:
    """The truth table of the pixel in column ``x``, row ``y``, which lies in ``segment``."""

    x: int
    y: int
    segment: int
    rows: tuple[Row, ...]
    static: bool

    @property
    def sentence(self) -> str:
        """The answer with the step that settled it."""
        answer = "static" if self.static else "masked"
        return f"Pixel ({self.x}, {self.y}) is {answer}: {self._because()}."

    def _because(self) -> str:
        by_step = {row.step: row for row in self.rows}
        if "own" in by_step:
            return "your mask file says so"
        if "forced" in by_step:
            chosen = by_step["forced"]
            if chosen.static and not self.static:
                return "you set its segment to static, and it lies at the border of something that moves"
            return f"you set its segment to {'static' if chosen.static else 'moving'}"
        if by_step["vote"].static and not self.static:
            return "its segment is static, but it lies at the border of something that moves"
        agreed = by_step["agreed"].static
        if self.static:
            if not agreed:
                return "its own cues say no, and most of its segment says yes"
            return "features and residual agree" if by_step["sfm"].static else "its residual is small"
        if agreed:
            return "its own cues say yes, and most of its segment says no"
        if not by_step["upper"].static:
            return "its residual is among the largest of the photo"
        return "no feature speaks for it and its residual is above the mean"
