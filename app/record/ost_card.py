"""The report card of ost-mini: its measured part, made from report.json alone."""

from __future__ import annotations

from collections.abc import Mapping

from app.record.cards import Card
from app.record.markdown import figure_text, table
from app.record.verdicts import comparisons, interval

Figures = Mapping[str, object]

WAYS = {
    "name": "name in the template",
    "bare_name": "bare name",
    "mean_pooled": "mean-pooled descriptors",
    "ot": "transport alone",
    "ost": "OST",
}
"""Way of scoring -> head of its column."""
SETS = {
    "zero_shot": "held-out actions, unseen places and colours",
    "paraphrased": "the same clips, descriptors in other words",
    "wrong": "the same clips, 30 % of the descriptors wrong",
    "bodies": "held-out actions by skinned bodies",
    "seen": "trained actions, trained places and colours",
    "order_pairs": "pairs that differ in order alone, chance 0.5",
}
HEADLINES = {
    "zero_shot_name": "top-1 of 24 held-out actions (chance 0.042), class names alone",
    "zero_shot_mean_pooled": "the same, mean-pooled descriptors",
    "zero_shot_ot": "the same, transport alone",
    "zero_shot_ost": "the same, OST (transport and pooling, the authors' formula)",
    "zero_shot_ost_over_mean_pooled": "OST minus mean-pooled on the same clips",
    "paraphrased_ost": "OST with descriptors in words that no caption used",
    "wrong_ost": "OST with 30 % of the descriptors wrong",
    "order_pairs_ost": "OST on pairs that differ in order alone (chance 0.5)",
}
"""The figures the README shows, for app.record.tables."""
MEASURE = "points of top-1"
DIFFERENCES = (
    ("zero_shot_ost_over_mean_pooled", "On held-out actions OST", "mean-pooled descriptors"),
    ("zero_shot_ot_over_mean_pooled", "On held-out actions transport alone", "mean-pooled descriptors"),
    ("zero_shot_ost_over_ot", "On held-out actions OST", "transport alone"),
    ("paraphrased_ost_over_mean_pooled", "With paraphrased descriptors OST", "mean-pooled descriptors"),
    ("wrong_ost_over_mean_pooled", "With 30 % wrong descriptors OST", "mean-pooled descriptors"),
)
GOAL = 0.9
"""Held-out top-1 that issue 6 asks for."""
MOST_CONFUSED = 6


def card(figures: Figures, config: Mapping[str, object]) -> str:
    """All tables of the card in Markdown, each under a line that says what it shows, as far as measured."""
    parts = [
        ("How it was measured.", measured(config)),
        ("What the figures say.", verdict(figures)),
        ("Top-1 by set and way of scoring.", ways(figures)),
        ("OST before and after stage 2.", stages(figures)),
        ("Parts and epsilon, held-out actions.", parts_of_it(figures)),
        ("Few-shot: clips a class, held-out actions.", few_shot(figures)),
        ("Most frequent confusions, held-out actions, OST.", confused(config)),
    ]
    return "\n\n".join(
        f"**{title}** {text}" if "|" not in text else f"**{title}**\n\n{text}" for title, text in parts if text
    )


def measured(config: Mapping[str, object]) -> str:
    """One paragraph from the report's configuration; empty for reports that do not hold it."""
    if not all(name in config for name in ("held_out", "seeds", "frames", "classes")):
        return ""
    classes = config["classes"]
    count = len(classes) if isinstance(classes, list) else 0
    return (
        f"{config['seeds']} seeds, each with {config['held_out']} clips of all {count} held-out actions in places and "
        f"clothes colours that the training never showed, {config['frames']} frames a clip, and its own wording of "
        "the descriptors. Every clip is asked in every way. The weights are mixed as in the paper, 0.2 of stage 1. "
        "In brackets 95 % intervals of a bootstrap that draws seeds, then clips."
    )


def verdict(figures: Figures) -> str:
    """Sentences on who won, on the goal, and on whether OST's and mean-pooled's intervals lie apart."""
    said = comparisons(figures, DIFFERENCES, MEASURE)
    reached, pooled = interval(figures.get("zero_shot_ost")), interval(figures.get("zero_shot_mean_pooled"))
    if reached is not None and pooled is not None:
        apart = "lie apart" if reached[0] > pooled[2] or reached[2] < pooled[0] else "overlap"
        said.append(f"The intervals of OST and of mean-pooled descriptors {apart}.")
    if reached is not None:
        met = "reaches" if reached[1] >= GOAL else "misses"
        said.append(f"OST {met} the goal of {GOAL:.2f} on held-out actions.")
    return " ".join(said)


def ways(figures: Figures) -> str:
    """One row a set, one column a way."""
    rows = []
    for name, title in SETS.items():
        values = [figures.get(f"{name}_{way}") for way in WAYS]
        if any(value is not None for value in values):
            rows.append([title, *map(figure_text, values)])
    return table(["clips and descriptors", *WAYS.values()], rows) if rows else ""


def stages(figures: Figures) -> str:
    """Stage 1, stage 2 and their mixture on the held-out clips."""
    rows = []
    names = (("stage 1 (captions)", "stage_1"), ("stage 2 (OST's loss)", "stage_2"), ("mixed 0.2 : 0.8", "zero_shot"))
    for title, name in names:
        values = [figures.get(f"{name}_{way}") for way in ("mean_pooled", "ost")]
        if any(value is not None for value in values):
            rows.append([title, *map(figure_text, values)])
    return table(["weights", "mean-pooled descriptors", "OST"], rows) if rows else ""


def parts_of_it(figures: Figures) -> str:
    """Spatial and temporal transport alone, and OST at other entropies."""
    rows = [
        [title, figure_text(figures[name])]
        for title, name in (
            ("transport to spatial descriptors", "zero_shot_ot_spatial"),
            ("transport to temporal descriptors", "zero_shot_ot_temporal"),
            ("OST, epsilon 0.02", "zero_shot_ost_eps_0.02"),
            ("OST, epsilon 0.1 (the authors')", "zero_shot_ost"),
            ("OST, epsilon 0.5", "zero_shot_ost_eps_0.5"),
        )
        if figures.get(name) is not None
    ]
    return table(["score", "top-1"], rows) if rows else ""


def few_shot(figures: Figures) -> str:
    """OST with moved descriptors against the nearest class mean, which needs no text."""
    rows = []
    for shots in (2, 4, 8, 16):
        values = [figures.get(f"few_shot_{shots}_{way}") for way in ("ost", "prototype")]
        if any(value is not None for value in values):
            rows.append([str(shots), *map(figure_text, values)])
    if not rows:
        return ""
    head = ["clips a class", "OST, descriptor features fitted to the clips", "nearest class mean, no text"]
    return table(head, rows)


def confused(config: Mapping[str, object]) -> str:
    """The largest entries beside the diagonal."""
    counts, classes = config.get("confusion"), config.get("classes")
    if not isinstance(counts, list) or not isinstance(classes, list) or not counts:
        return ""
    found = [
        (count / max(1, sum(row)), str(classes[true]), str(classes[answer]))
        for true, row in enumerate(counts)
        for answer, count in enumerate(row)
        if answer != true and count
    ]
    rows = [[true, answer, f"{100 * share:.0f} %"] for share, true, answer in sorted(found, reverse=True)]
    return table(["true action", "taken for", "of its clips"], rows[:MOST_CONFUSED]) if rows else ""


CARD = Card(HEADLINES, card, verdict)
