"""Sentences that say who won, made from figures and their intervals, so that no wish can get into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Figures = Mapping[str, object]


def points(value: float) -> str:
    """A difference of shares in points, 0.0123 as +1.2."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def compared(difference: Sequence[float], who: str, other: str, measure: str = "points of IoU") -> str:
    """One sentence on [low, middle, high] of ``who`` minus ``other``; only the interval decides who wins.

    The difference is of shares of one; ``measure`` names their hundredths.
    """
    low, middle, high = difference
    numbers = f"{points(middle)} {measure}, interval {points(low)} to {points(high)}"
    if low > 0:
        return f"{who} is better than {other} ({numbers})."
    if high < 0:
        return f"{who} is worse than {other} ({numbers})."
    return f"{who} shows no measurable difference to {other} ({numbers})."


def comparisons(
    figures: Figures, differences: Sequence[tuple[str, str, str]], measure: str = "points of IoU"
) -> list[str]:
    """A sentence for each of ``differences`` that was measured: figure of a paired difference, who, and over whom."""
    known = [(interval(figures.get(name)), who, other) for name, who, other in differences]
    return [compared(one, who, other, measure) for one, who, other in known if one is not None]


def interval(value: object) -> tuple[float, float, float] | None:
    """[low, middle, high] of a figure, None when it is none."""
    if isinstance(value, (list, tuple)) and len(value) == 3:
        return float(value[0]), float(value[1]), float(value[2])
    return None
