"""The report card of RobustSAM's embedded weights: its measured part, made from report.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.record.cards import Card
from app.record.markdown import figure_text, table
from app.record.verdicts import comparisons, interval
from models.parts.degradations.base import KINDS

Figures = Mapping[str, object]

HEADLINES = {
    "clean_iou_plain": "IoU on clean scenes, plain SAM",
    "clean_iou_robust": "IoU on clean scenes, RobustSAM",
    "degraded_iou_plain": "IoU on degraded scenes, plain SAM",
    "degraded_iou_robust": "IoU on degraded scenes, RobustSAM",
    "degraded_gain": "gain on degraded scenes, RobustSAM over plain SAM",
    "degraded_gain_over_augmented": "gain on degraded scenes, RobustSAM over SAM fine-tuned on degraded scenes",
    "degraded_iou_augmented": "IoU on degraded scenes, SAM fine-tuned on degraded scenes",
    "box_clean_iou_robust": "IoU on clean scenes, one box, RobustSAM",
    "real_box_iou": "IoU on real photos, one box, RobustSAM",
    "real_box_iou_grabcut": "IoU on real photos, one box, GrabCut",
    "real_clicks_to_80": "clicks (median) to reach IoU 0.80 on real photos, RobustSAM",
}

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

ROWS = ("plain", "robust", "augmented")
HEAD = ("plain SAM", "RobustSAM", "augmentation only")

CLICKS = (
    ("clicks_to_80", "clicks to IoU 0.8, median (21: not in 20)"),
    ("clicks_to_90", "clicks to IoU 0.9, median"),
    ("noc_80", "NoC@80, mean, at most 20"),
    ("noc_90", "NoC@90, mean, at most 20"),
    ("reached_80_share", "share that reaches 0.8 in 20 clicks"),
)


def card(figures: Figures, config: Mapping[str, object]) -> str:
    """All tables of the card in Markdown, each under a line that says what it shows, as far as measured."""
    parts = [
        ("How it was measured.", measured(config)),
        ("What the figures say.", verdict(figures)),
        ("Held-out scenes by prompt, IoU.", prompts(figures)),
        ("By degradation, three points, IoU.", kinds(figures)),
        ("By severity and by the object's share of the picture, three points, IoU.", severities(figures)),
        ("Clicking, on clean pictures.", clicking(figures)),
        ("Real photos, IoU.", photos(figures)),
        ("GrabCut from the true box, IoU.", grabcut(figures)),
        ("Everything mode: share of true objects that some mask meets.", everything(figures)),
        ("Can the predicted IoU be believed? Plain branch, clean scenes.", calibration(figures)),
    ]
    return "\n\n".join(
        f"**{title}** {text}" if "|" not in text else f"**{title}**\n\n{text}" for title, text in parts if text
    )


def measured(config: Mapping[str, object]) -> str:
    """One paragraph from the report's configuration; empty for reports that do not hold it."""
    wanted = ("scenes_used", "objects_used", "photos", "photo_objects", "scenes_clicked", "scenes_of_grabcut")
    if not all(name in config for name in wanted):
        return ""
    severities = config.get("severities")
    shown = " and ".join(f"{value:g}" for value in severities) if isinstance(severities, list) else "?"
    scenes, objects = config["scenes_used"], config["objects_used"]
    return (
        f"{scenes} held-out scenes with {objects} objects, and {config['photos']} real photos with "
        f"{config['photo_objects']} objects drawn by hand. Every picture is asked clean and under all 15 degradations, "
        f"each at severity {shown} in turn. Three points: random pixels of the object, seed crc32 of its name; one "
        "point: its middle; box: its tight box. One point and box are asked under every fifth degradation. "
        f"{config['scenes_clicked']} scenes and all photos were clicked, each next click in the middle of the largest "
        f"error; {config['scenes_of_grabcut']} scenes and the clean photos went to GrabCut. In brackets 95 % bootstrap "
        "intervals that draw whole scenes or whole photos, widened for small numbers of them; differences are of the "
        "same objects and prompts."
    )


def prompts(figures: Figures) -> str:
    """Clean and degraded scenes for each prompt."""
    rows = [
        ("one point, clean", "one_point_clean"),
        ("three points, clean", "clean"),
        ("box, clean", "box_clean"),
        ("one point, degraded", "one_point_degraded"),
        ("three points, degraded", "degraded"),
        ("box, degraded", "box_degraded"),
    ]
    return _iou_table("prompt", figures, [(title, f"{name}_iou", f"{name}_gain") for title, name in rows])


def kinds(figures: Figures) -> str:
    """One row for each of the 15 kinds."""
    return _iou_table("degradation", figures, [(k.replace("_", " "), f"{k}_iou", f"{k}_gain") for k in KINDS])


def severities(figures: Figures) -> str:
    """Severity 0.5 and 1, then small, medium and large objects, clean and degraded."""
    rows = [(f"severity {s}", f"severity_{s}_iou", f"severity_{s}_gain") for s in ("0.5", "1")]
    for size, meaning in (("small", "below 1 %"), ("medium", "1 to 5 %"), ("large", "above 5 %")):
        count = figures.get(f"{size}_objects")
        for state in ("clean", "degraded"):
            title = f"{size} ({meaning}, {count} objects), {state}"
            rows.append((title, f"{size}_{state}_iou", f"{size}_{state}_gain"))
    return _iou_table("", figures, rows)


def clicking(figures: Figures) -> str:
    """Clicks on scenes and photos for both branches."""
    rows = []
    for prefix, where in (("", "scenes"), ("real_", "real photos")):
        for name, meaning in CLICKS:
            values = [figures.get(f"{prefix}{name}{ending}") for ending in ("_plain", "")]
            if any(value is not None for value in values):
                rows.append([f"{where}: {meaning}", *map(figure_text, values)])
    return table(["", *HEAD[:2]], rows) if rows else ""


def photos(figures: Figures) -> str:
    """The hand-drawn set: prompts, and three points on degraded photos."""
    rows = [("one point", "real_one_point_iou", ""), ("three points", "real_clean_iou", "real_clean_gain")]
    rows += [
        ("three points, degraded", "real_degraded_iou", "real_degraded_gain"),
        ("box", "real_box_iou", "real_box_gain"),
    ]
    return _iou_table("prompt", figures, rows)


def grabcut(figures: Figures) -> str:
    """The classical baseline on the scenes and photos it was given, and RobustSAM minus GrabCut there."""
    rows = []
    for title, name in (
        ("clean scenes", "box_clean"),
        ("degraded scenes", "box_degraded"),
        ("real photos", "real_box"),
    ):
        value = figures.get(f"{name}_iou_grabcut")
        if value is not None:
            rows.append([title, figure_text(value), figure_text(figures.get(f"{name}_gain_over_grabcut"))])
    return table(["on", "GrabCut", "RobustSAM minus GrabCut"], rows) if rows else ""


def everything(figures: Figures) -> str:
    """Recall at two IoUs for both branches."""
    rows = []
    for prefix, where in (("", "scenes"), ("real_", "real photos")):
        for least in ("50", "75"):
            values = [figures.get(f"{prefix}everything_recall_{least}_{row}") for row in ROWS[:2]]
            if any(value is not None for value in values):
                rows.append([f"{where}, IoU 0.{least} or more", *map(figure_text, values)])
    return table(["", *HEAD[:2]], rows) if rows else ""


def calibration(figures: Figures) -> str:
    """Mean predicted and measured IoU by tenths of the predicted one."""
    rows = []
    for tenth in range(10):
        count = figures.get(f"calibration_{tenth}_answers")
        if count is not None:
            means = [figures.get(f"calibration_{tenth}_{what}") for what in ("predicted", "measured")]
            rows.append([f"0.{tenth} to {(tenth + 1) / 10:.1f}", figure_text(count), *map(figure_text, means)])
    return table(["predicted IoU", "answers", "mean predicted", "mean measured"], rows) if rows else ""


def _iou_table(corner: str, figures: Figures, rows: Sequence[tuple[str, str, str]]) -> str:
    """``rows``: title, the beginning of the IoU figures' names, the name of the difference's figure."""
    lines = []
    for title, name, gain in rows:
        # The photos' box figure carries the robust branch's value under its bare name (BARS.md).
        values = [figures.get(f"{name}_{row}", figures.get(name) if row == "robust" else None) for row in ROWS]
        if any(value is not None for value in values):
            lines.append([title, *map(figure_text, values), figure_text(figures.get(gain))])
    return table([corner, *HEAD, "RobustSAM minus plain"], lines) if lines else ""


def verdict(figures: Figures) -> str:
    """All sentences that the figures allow, one paragraph; empty when there are none."""
    more = (by_kind(figures, KINDS), believed(figures))
    return " ".join([*comparisons(figures, COMPARISONS), *filter(None, more)])


def by_kind(figures: Figures, kinds: Sequence[str]) -> str | None:
    """On how many kinds of degradation the robust branch wins and on which it loses; None without figures."""
    gains = {kind: interval(figures.get(f"{kind}_gain")) for kind in kinds}
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


CARD = Card(HEADLINES, card, verdict)
