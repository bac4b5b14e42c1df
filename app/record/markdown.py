"""Markdown tables, and figures as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def figure_text(value: object) -> str:
    """A figure for people: two to three digits; `[low, mid, high]` as middle and interval; a dash when not measured."""
    if value is None:
        return "-"
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 3:
        low, middle, high = (figure_text(part) for part in value)
        return f"{middle} ({low} to {high})"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"
    raise ValueError(f"the figure {value!r} is neither a number nor [low, mid, high]")
