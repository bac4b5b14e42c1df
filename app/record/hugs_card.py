"""The report card of HuGS: its measured part, made from report.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from app.record.cards import Card
from app.record.markdown import figure_text, table
from models.hugs.evaluation_config import FULL, QUICK, EvaluationConfig

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
    ("hugs_plain", "HuGS with the paper's residual, which forgives neither blur nor shifts"),
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
COMMANDS = {"python3 launch.py evaluate hugs": FULL, "python3 launch.py evaluate hugs --quick": QUICK}
"""The commands whose settings a report may hold."""
GOALS = {"miou_hugs": 0.75, "gain_hugs": 1.5, "gain_share_of_true": 0.5}
"""What the project asked of these figures."""


def card(figures: Figures, config: Mapping[str, object]) -> str:
    """All tables of the card in Markdown, each under a line that says what it shows, as far as measured."""
    parts = [
        ("How it was measured.", measured(config)),
        ("What the figures say.", verdict(figures, config)),
        ("Static maps against the truth.", maps(figures)),
        ("Fields on clean held-out views, PSNR at the photos' own size and at the learning size.", fields(figures)),
        ("By scene: mean IoU of the maps.", scenes(figures, config, "miou", MAPS)),
        ("By scene: PSNR in dB by the map trained with.", scenes(figures, config, "psnr", TRAININGS)),
        ("Seconds of a capture by stage, one core each, other work of the machine included.", seconds(config)),
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
    seeds = "one seed" if config["seeds"] == 1 else f"{config['seeds']} seeds each"
    command = next((f" by `{words}`" for words, known in COMMANDS.items() if _of(known, config)), "")
    return (
        f"Measured{command}: {config['captures']} procedural captures ({listed}; {seeds}) of {config['frames']} "
        f"frames at {config['side']} x {config['side']}, poses known; {moving} of the pixels belong to what moves or "
        f"to its shadow. Segments: {config['segments']}. A field of {_field(config, 'cue', 'iterations')} steps gives "
        f"the residual; fields of {_field(config, 'final', 'iterations')} steps with the same seed are compared on "
        f'8 clean held-out views, in 8 bits, at the photos\' own size and, as "small", at the '
        f"{_field(config, 'final', 'side')} pixels they learn at. "
        "In brackets Student's 95 % intervals over scenes, seeds averaged first."
    )


def _of(known: EvaluationConfig, config: Mapping[str, object]) -> bool:
    """Whether a report's configuration is a known one."""
    return all(config.get(name) == value for name, value in asdict(known).items())


def _field(config: Mapping[str, object], which: str, name: str) -> object:
    inner = config.get(which)
    return inner.get(name, "?") if isinstance(inner, Mapping) else "?"


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


def scenes(figures: Figures, config: Mapping[str, object], what: str, columns: Sequence[tuple[str, str]]) -> str:
    """One figure by scene and column, those that were measured."""
    names, shown = config.get("scene_names"), [name for name, _ in columns if f"{what}_{name}" in figures]
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
