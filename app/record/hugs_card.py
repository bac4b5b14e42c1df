"""The report card of HuGS: its measured part, made from report.json alone."""

from __future__ import annotations

from collections.abc import Mapping

from app.record.cards import Card
from app.record.markdown import figure_text, table

Figures = Mapping[str, object]

HEADLINES = {
    "miou_sfm": "mean IoU of static maps, features of structure from motion alone",
    "miou_residual": "mean IoU of static maps, colour residual alone",
    "miou_hugs": "mean IoU of static maps, HuGS",
    "psnr_none": "PSNR in dB on clean views, field trained with no map",
    "psnr_hugs": "PSNR in dB on clean views, field trained with HuGS' maps",
    "psnr_true": "PSNR in dB on clean views, field trained with the true maps",
}
"""The figures the README shows, by the names that `launch.py evaluate` prints, and what they mean."""
MAPS = (
    ("sfm", "features of structure from motion alone"),
    ("residual", "colour residual alone"),
    ("residual_segments", "colour residual voted over segments"),
    ("hugs", "HuGS"),
    ("silhouettes", "HuGS with the true outlines among its segments"),
)
TRAININGS = (
    ("none", "no map"),
    ("sfm", "features alone"),
    ("residual", "residual alone"),
    ("residual_segments", "residual voted over segments"),
    ("robust", "RobustNeRF's trimming, no map"),
    ("hugs", "HuGS"),
    ("true", "the true maps"),
)
SHORT = ("sfm", "residual", "residual_segments", "hugs", "silhouettes")
GOALS = {"miou_hugs": 0.75, "gain_hugs": 1.5, "gain_share_of_true": 0.5}
"""What the project asked of these figures."""


def card(figures: Figures, config: Mapping[str, object]) -> str:
    """All tables of the card in Markdown, each under a line that says what it shows, as far as measured."""
    parts = [
        ("How it was measured.", measured(config)),
        ("What the figures say.", verdict(figures, config)),
        ("Static maps against the truth.", maps(figures)),
        ("Fields on clean held-out views, PSNR at the photos' own size and at the learning size.", fields(figures)),
        ("By scene: mean IoU of the maps.", scenes(figures, config, "miou", SHORT)),
        ("By scene: PSNR in dB by the map trained with.", scenes(figures, config, "psnr", [t[0] for t in TRAININGS])),
        ("Seconds of a capture by stage, on one core beside another.", seconds(config)),
    ]
    return "\n\n".join(
        f"**{title}** {text}" if "|" not in text else f"**{title}**\n\n{text}" for title, text in parts if text
    )


def measured(config: Mapping[str, object]) -> str:
    """One paragraph from the report's configuration; empty for reports that do not hold it."""
    if not all(name in config for name in ("captures", "scene_names", "side", "frames", "moving_share", "segments")):
        return ""
    names = config["scene_names"]
    listed = ", ".join(str(name) for name in names) if isinstance(names, list) else ""
    share = config["moving_share"]
    moving = f"{100 * share:.1f} %" if isinstance(share, float) else "?"
    return (
        f"{config['captures']} procedural captures ({listed}; {config['seeds']} seeds each) of {config['frames']} "
        f"frames at {config['side']} x {config['side']}, poses known; {moving} of the pixels belong to what moves or "
        f"to its shadow. Segments: {config['segments']}. A field of {_steps(config, 'cue')} steps gives the residual; "
        f"fields of {_steps(config, 'final')} steps with the same seed are compared on 8 clean held-out views, "
        'in 8 bits, at the photos\' own size and, as "small", at the 96 pixels they learn at. '
        "In brackets Student's 95 % intervals over scenes, seeds averaged first."
    )


def _steps(config: Mapping[str, object], which: str) -> object:
    inner = config.get(which)
    return inner.get("iterations", "?") if isinstance(inner, Mapping) else "?"


def verdict(figures: Figures, config: Mapping[str, object]) -> str:
    """What was asked and what was reached, in sentences that only the numbers decide."""
    sentences = []
    miou, gain, share = (_middle(figures.get(name)) for name in GOALS)
    if miou is not None:
        sentences.append(_goal(f"The mean IoU of HuGS is {miou:.3f}", miou, GOALS["miou_hugs"], "0.75"))
    below = config.get("not_above_single_cues")
    if isinstance(below, list):
        sentences.append(
            "It is above every single cue in every scene."
            if not below
            else f"It is not above every single cue in: {', '.join(map(str, below))}."
        )
    if gain is not None:
        sentences.append(
            _goal(f"Its maps gain {gain:+.2f} dB over training with none", gain, GOALS["gain_hugs"], "1.5 dB")
        )
    if share is not None:
        words = f"That is {100 * share:.0f} % of what the true maps gain"
        sentences.append(_goal(words, share, GOALS["gain_share_of_true"], "half"))
    return " ".join(sentences)


def _goal(words: str, value: float, goal: float, name: str) -> str:
    return f"{words}; the goal of {name} is {'reached' if value >= goal else 'not reached'}."


def _middle(value: object) -> float | None:
    if isinstance(value, list) and len(value) == 3:
        return float(value[1])
    return float(value) if isinstance(value, float) else None


def maps(figures: Figures) -> str:
    """Agreement of each map with the truth."""
    rows = [
        [title, *(figure_text(figures.get(f"{what}_{name}")) for what in ("miou", "moving_iou", "f1"))]
        for name, title in MAPS
        if f"miou_{name}" in figures
    ]
    return table(["map", "mean IoU", "IoU of what moves", "F1 of what moves"], rows) if rows else ""


def fields(figures: Figures) -> str:
    """Quality of the fields trained under each map."""
    rows = [
        [
            title,
            *(figure_text(figures.get(f"{what}_{name}")) for what in ("psnr", "ssim", "psnr_small")),
            _gain(figures, name),
        ]
        for name, title in TRAININGS
        if f"psnr_{name}" in figures
    ]
    return table(["trained with", "PSNR, dB", "SSIM", "PSNR small, dB", "gain over none, dB"], rows) if rows else ""


def _gain(figures: Figures, name: str) -> str:
    return figure_text(figures[f"gain_{name}"]) if f"gain_{name}" in figures else "-"


def scenes(figures: Figures, config: Mapping[str, object], what: str, columns: object) -> str:
    """One figure by scene and column."""
    names, shown = config.get("scene_names"), list(columns) if isinstance(columns, list | tuple) else []
    rows = []
    for scene in names if isinstance(names, list) else []:
        key = f"scene_{str(scene).replace(' ', '_')}_{what}"
        rows.append([str(scene), *(figure_text(figures.get(f"{key}_{column}")) for column in shown)])
    return table(["scene", *(column.replace("_", " x ") for column in shown)], rows) if rows else ""


def seconds(config: Mapping[str, object]) -> str:
    """What each stage took."""
    found = config.get("seconds")
    if not isinstance(found, Mapping) or not found:
        return ""
    return table(["stage", "seconds"], [[str(stage), figure_text(value)] for stage, value in found.items()])


CARD = Card(HEADLINES, card, lambda figures: verdict(figures, {}))
