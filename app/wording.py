"""Numbers as people read them: units, sensible digits, no exclamation marks."""

from __future__ import annotations


def seconds_text(seconds: float | None) -> str:
    """38 ms, 1.2 s, 3 min 20 s; empty for None."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def interval_text(low: float, high: float) -> str:
    """about 0.3 s, or 4-6 s when the ends differ."""
    if high <= 0.05:
        return "about 50 ms"
    if high < 1.0 or high - low < 0.15 * high:
        return f"about {seconds_text(high)}"
    return f"{low:.1f}-{high:.1f} s" if high < 10 else f"{low:.0f}-{high:.0f} s"


def bytes_text(count: float) -> str:
    """812 B, 20 kB, 340 MB, 1.2 GB (powers of 1000)."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5 or unit == "GB":
            break
    return f"{count:.0f} {unit}" if count >= 10 else f"{count:.1f} {unit}"


def count_text(count: int) -> str:
    """45 210: thousands apart by a thin space."""
    return f"{count:,}".replace(",", "\u202f")
