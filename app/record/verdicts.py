"""Sentences that say who won, made from figures and their intervals, so that no wish can get into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Figures = Mapping[str, object]

COMPARISONS = (
    ("degraded_gain", "On degraded held-out scenes RobustSAM", "plain SAM"),
    ("degraded_gain_over_augmented", "On the same scenes RobustSAM", "SAM fine-tuned on degraded pictures"),
    ("clean_gain", "On clean held-out scenes RobustSAM", "plain SAM"),
    ("box_clean_gain_over_grabcut", "From a box on clean scenes RobustSAM", "GrabCut"),
    ("box_degraded_gain_over_grabcut", "From a box on degraded scenes RobustSAM", "GrabCut"),
    ("real_box_gain", "From a box on real photos RobustSAM", "plain SAM"),
    ("real_box_gain_over_grabcut", "From a box on real photos RobustSAM", "GrabCut"),
    ("real_degraded_gain", "On degraded real photos RobustSAM", "plain SAM"),
)
"""Figure of a paired difference, who, and over whom."""


def points(value: float) -> str:
    """A difference of IoU in points, 0.0123 as +1.2."""
    text = f"{100 * value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def compared(difference: Sequence[float], who: str, other: str) -> str:
    """One sentence on [low, middle, high] of ``who`` minus ``other``; only the interval decides who wins."""
    low, middle, high = difference
    numbers = f"{points(middle)} points of IoU, interval {points(low)} to {points(high)}"
    if low > 0:
        return f"{who} is better than {other} ({numbers})."
    if high < 0:
        return f"{who} is worse than {other} ({numbers})."
    return f"{who} shows no measurable difference to {other} ({numbers})."


def by_kind(figures: Figures, kinds: Sequence[str]) -> str | None:
    """On how many kinds of degradation the robust branch wins and on which it loses; None without figures."""
    gains = {kind: _interval(figures.get(f"{kind}_gain")) for kind in kinds}
    known = {kind: gain for kind, gain in gains.items() if gain is not None}
    if not known:
        return None
    wins = sum(low > 0 for low, _, _ in known.values())
    losses = [kind.replace("_", " ") for kind, (_, _, high) in known.items() if high < 0]
    lost = f"it is worse on {', '.join(losses)}" if losses else "it is measurably worse on none"
    return f"Of {len(known)} kinds of degradation RobustSAM is measurably better than plain SAM on {wins}; {lost}."


def believed(figures: Figures) -> str | None:
    """How far off the predicted IoU of the plain branch is; None when it was not measured."""
    clean, degraded = figures.get("calibration_error"), figures.get("calibration_error_degraded")
    if not isinstance(clean, float):
        return None
    more = f", {100 * degraded:.1f} on degraded ones" if isinstance(degraded, float) else ""
    return f"Plain SAM's predicted IoU is off by {100 * clean:.1f} points on average on clean scenes{more}."


def verdict(figures: Figures, kinds: Sequence[str] = ()) -> str:
    """All sentences that the figures allow, one paragraph; empty when there are none."""
    sentences = []
    for name, who, other in COMPARISONS:
        difference = _interval(figures.get(name))
        if difference is not None:
            sentences.append(compared(difference, who, other))
    sentences += [line for line in (by_kind(figures, kinds), believed(figures)) if line]
    return " ".join(sentences)


def _interval(value: object) -> tuple[float, float, float] | None:
    if isinstance(value, (list, tuple)) and len(value) == 3:
        return float(value[0]), float(value[1]), float(value[2])
    return None
