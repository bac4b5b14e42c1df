"""The report card of PeLK's small networks: its measured part, made from report.json alone."""

from __future__ import annotations

from collections.abc import Mapping

from app.record.cards import Card
from app.record.markdown import figure_text, table
from app.record.verdicts import comparisons, interval

Figures = Mapping[str, object]

VARIANTS = {"large": "pelk_nano (31, 23, 11)", "k7": "K = 7", "k3": "K = 3"}
"""Variant -> head of its column."""
HEADLINES = {
    "pathfinder_large": "pathfinder, share of right answers, pelk_nano",
    "pathfinder_k7": "pathfinder, share of right answers, twin with K = 7",
    "pathfinder_k3": "pathfinder, share of right answers, twin with K = 3",
    "pathfinder_gain_over_k7": "pathfinder, pelk_nano minus the twin with K = 7",
    "segmentation_large": "mean IoU in ambiguous rooms, pelk_nano",
    "segmentation_k7": "mean IoU in ambiguous rooms, twin with K = 7",
    "segmentation_k3": "mean IoU in ambiguous rooms, twin with K = 3",
    "segmentation_gain_over_k7": "mean IoU in ambiguous rooms, pelk_nano minus the twin with K = 7",
}
"""The figures the README shows, by the names that `launch.py evaluate` prints, and what they mean."""
DIFFERENCES = (
    ("pathfinder_gain_over_k7", "On the pathfinder pelk_nano", "its twin with K = 7", "points of right answers"),
    ("pathfinder_gain_over_k3", "On the pathfinder pelk_nano", "its twin with K = 3", "points of right answers"),
    ("segmentation_gain_over_k7", "In ambiguous rooms pelk_nano", "its twin with K = 7", "points of mean IoU"),
    ("segmentation_gain_over_k3", "In ambiguous rooms pelk_nano", "its twin with K = 3", "points of mean IoU"),
)


def card(figures: Figures, config: Mapping[str, object]) -> str:
    """All tables of the card in Markdown, each under a line that says what it shows, as far as measured."""
    parts = [
        ("How it was measured.", measured(config)),
        ("What the figures say.", verdict(figures)),
        ("Pathfinder, share of right answers by path length.", pathfinder(figures, config)),
        ("Segmentation of ambiguous rooms, IoU by class.", segmentation(figures, config)),
        ("By training seed.", by_seed(config)),
        ("Where the networks look.", fields(figures)),
        ("Sizes.", sizes(config)),
    ]
    return "\n\n".join(
        f"**{title}** {text}" if "|" not in text else f"**{title}**\n\n{text}" for title, text in parts if text
    )


def measured(config: Mapping[str, object]) -> str:
    """One paragraph from the report's configuration; empty for reports that do not hold it."""
    if not all(name in config for name in ("per_length", "rooms", "seeds")):
        return ""
    seeds = config["seeds"]
    shown = ""
    if isinstance(seeds, Mapping):
        shown = "; ".join(f"{name.replace('_', ' ')}: {', '.join(map(str, of))}" for name, of in seeds.items())
    return (
        f"{config['per_length']} held-out pathfinder pictures of every path length and {config['rooms']} held-out "
        "rooms, all 96 x 96, the same for all networks. With equal training seeds the networks saw the same pictures "
        "in the same order, for as many updates. In brackets 95 % intervals of a hierarchical bootstrap that draws "
        f"training seeds, then pictures; where only one seed is there, pictures alone. Seeds measured: {shown}."
    )


def verdict(figures: Figures) -> str:
    """Sentences on who won; whether the intervals of pelk_nano and the twin with K = 7 lie apart is said as well."""
    said = [line for name, who, other, of in DIFFERENCES for line in comparisons(figures, [(name, who, other)], of)]
    for task in ("pathfinder", "segmentation"):
        large, twin = interval(figures.get(f"{task}_large")), interval(figures.get(f"{task}_k7"))
        if large is not None and twin is not None:
            apart = "lie apart" if large[0] > twin[2] or large[2] < twin[0] else "overlap"
            said.append(f"The intervals of pelk_nano and of the twin with K = 7 on {task} {apart}.")
    return " ".join(said)


def pathfinder(figures: Figures, config: Mapping[str, object]) -> str:
    """One row per path length, all lengths and chance below."""
    lengths = config.get("path_lengths")
    trained = config.get("trained_lengths")
    rows = []
    for length in lengths if isinstance(lengths, list) else []:
        values = [figures.get(f"pathfinder_{variant}_{length}") for variant in VARIANTS]
        beyond = isinstance(trained, list) and length not in trained
        if any(value is not None for value in values):
            rows.append([f"{length} dashes{' (never trained on)' if beyond else ''}", *map(figure_text, values)])
    whole = [figures.get(f"pathfinder_{variant}") for variant in VARIANTS]
    if any(value is not None for value in whole):
        rows.append(["all trained lengths", *map(figure_text, whole)])
        rows.append(["guessing", *[figure_text(figures.get("pathfinder_chance"))] * len(VARIANTS)])
    return table(["path", *VARIANTS.values()], rows) if rows else ""


def segmentation(figures: Figures, config: Mapping[str, object]) -> str:
    """One row per class, the mean and what texture alone reaches below."""
    classes = config.get("classes")
    rows = []
    for name in classes if isinstance(classes, list) else []:
        values = [figures.get(f"segmentation_{variant}_{name}") for variant in VARIANTS]
        if any(value is not None for value in values):
            rows.append([str(name), *map(figure_text, values)])
    whole = [figures.get(f"segmentation_{variant}") for variant in VARIANTS]
    if any(value is not None for value in whole):
        rows.append(["mean", *map(figure_text, whole)])
        rows.append(["perfect textures, no context", *[figure_text(figures.get("segmentation_by_texture"))] * 3])
    return table(["class", *VARIANTS.values()], rows) if rows else ""


def by_seed(config: Mapping[str, object]) -> str:
    """What every training run reached."""
    values = config.get("by_seed")
    if not isinstance(values, Mapping):
        return ""
    rows = [[name.replace("_", " "), *map(figure_text, each)] for name, each in values.items()]
    longest = max((len(row) for row in rows), default=1)
    rows = [row + ["-"] * (longest - len(row)) for row in rows]
    return table(["network", *(f"run {number}" for number in range(1, longest))], rows) if rows else ""


def fields(figures: Figures) -> str:
    """Share of the picture that the smallest centred square with half and 99 % of the receptive field covers."""
    rows = []
    for task in ("pathfinder", "segmentation"):
        for word, share in (("half", "50 %"), ("nearly_all", "99 %")):
            values = [figures.get(f"field_{word}_{task}_{variant}") for variant in VARIANTS]
            if any(value is not None for value in values):
                rows.append(
                    [f"{task}, {share} of the field within this share of the picture", *map(figure_text, values)]
                )
    return table(["mean (least to largest) over training seeds", *VARIANTS.values()], rows) if rows else ""


def sizes(config: Mapping[str, object]) -> str:
    """Parameters of every network."""
    counts = config.get("parameters")
    if not isinstance(counts, Mapping):
        return ""
    rows = [[name.replace("_", " "), f"{count:,}"] for name, count in counts.items()]
    return table(["network", "parameters"], rows) if rows else ""


CARD = Card(HEADLINES, card, verdict)
