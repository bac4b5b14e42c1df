"""All answers of a run, seed by seed, and the figures made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ost import evaluation_measure as measure
from models.ost.evaluation_banks import class_list, with_wrong
from models.ost.evaluation_config import WRONG_SHARE, EvaluationConfig
from models.ost.evaluation_intervals import difference, interval
from models.ost.network import HeadConfig
from models.ost.solver import SolverConfig
from models.ost.weights import Recogniser
from models.worlds.figures import SEEN, UNSEEN
from models.worlds.figures_actions import HELD_OUT_ACTIONS, ORDER_PAIRS, SEEN_ACTIONS

WAYS = ("name", "bare_name", "mean_pooled", "ot", "ost")
Say = Callable[[str], None]


@dataclass
class Outcome:
    """right: figure's name -> the answers of each seed; confusion: of OST on held-out actions; digests of the clips."""

    right: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    digests: list[str] = field(default_factory=list)

    def add(self, name: str, answers: NDArray[np.float64]) -> None:
        """The answers of the next seed."""
        self.right.setdefault(name, []).append(answers)


def run(recognisers: dict[str, Recogniser], config: EvaluationConfig, say: Say) -> Outcome:
    """Measure everything. recognisers: "mixed", which all figures are of; "stage_1" and "stage_2" where there are."""
    outcome = Outcome()
    for number in range(config.seeds):
        seed = config.first_seed + 10 * number
        say(f"seed {number + 1} of {config.seeds}")
        _held_out(outcome, recognisers, config, seed)
        mixed = recognisers["mixed"]
        _simple(outcome, mixed, config, seed)
        _pairs(outcome, mixed, config, seed)
    return outcome


def _held_out(outcome: Outcome, recognisers: dict[str, Recogniser], config: EvaluationConfig, seed: int) -> None:
    pictures, labels = measure.rendered(HELD_OUT_ACTIONS, config.held_out, config.frames, UNSEEN, seed)
    rng = np.random.default_rng(seed + 1)
    own = class_list(HELD_OUT_ACTIONS, rng)
    lists = {
        "zero_shot": own,
        "paraphrased": class_list(HELD_OUT_ACTIONS, rng, other=True),
        "wrong": with_wrong(own, rng, WRONG_SHARE),
    }
    for which, recogniser in recognisers.items():
        model = recogniser.model
        clips = measure.encoded(model, pictures, labels)
        scale = float(model.scale)
        if which != "mixed":
            found = measure.logits(clips, measure.bank_of(recogniser, own), scale)
            for way in ("mean_pooled", "ost"):
                outcome.add(f"{which}_{way}", measure.right(found[way], labels))
            continue
        outcome.digests.append(clips.digest)
        for title, classes in lists.items():
            bank = measure.bank_of(recogniser, classes)
            found = measure.logits(clips, bank, scale)
            for way in WAYS if title == "zero_shot" else WAYS[2:]:
                outcome.add(f"{title}_{way}", measure.right(found[way], labels))
            if title != "zero_shot":
                continue
            for way in ("ot_spatial", "ot_temporal"):
                outcome.add(f"zero_shot_{way}", measure.right(found[way], labels))
            for eps in (0.02, 0.5):
                other = measure.logits(clips, bank, scale, HeadConfig(SolverConfig(eps=eps)))
                outcome.add(f"zero_shot_ost_eps_{eps:g}", measure.right(other["ost"], labels))
            table = measure.confusion(found["ost"], labels)
            outcome.confusion = table if not outcome.confusion.size else outcome.confusion + table
            _few_shot(outcome, recogniser, clips, bank, config, seed)


def _few_shot(
    outcome: Outcome,
    recogniser: Recogniser,
    clips: measure.Clips,
    bank: measure.TextBank,
    config: EvaluationConfig,
    seed: int,
) -> None:
    if not config.shots:
        return
    pictures, labels = measure.rendered(HELD_OUT_ACTIONS, max(config.shots), config.support_frames, UNSEEN, seed + 2)
    every = measure.encoded(recogniser.model, pictures, labels)
    scale = float(recogniser.model.scale)
    for shots in config.shots:
        count = shots * len(HELD_OUT_ACTIONS)  # clips come class by class in turn
        support = measure.Clips(every.features[:count], every.labels[:count], every.digest)
        moved = measure.adapted(support, bank, scale, seed=seed)
        outcome.add(f"few_shot_{shots}_ost", measure.right(measure.logits(clips, moved, scale)["ost"], clips.labels))
        outcome.add(f"few_shot_{shots}_prototype", measure.right(measure.by_prototype(support, clips), clips.labels))


def _simple(outcome: Outcome, recogniser: Recogniser, config: EvaluationConfig, seed: int) -> None:
    """Seen actions in seen places, and held-out actions by skinned bodies."""
    sets = (
        ("seen", SEEN_ACTIONS, config.seen, SEEN, 0.0, seed + 3),
        ("bodies", HELD_OUT_ACTIONS, config.bodies, UNSEEN, 1.0, seed + 4),
    )
    for title, actions, each, style, heavy, own_seed in sets:
        if not each:
            continue
        pictures, labels = measure.rendered(actions, each, config.frames, style, own_seed, heavy)
        clips = measure.encoded(recogniser.model, pictures, labels)
        bank = measure.bank_of(recogniser, class_list(actions, np.random.default_rng(own_seed + 1)))
        found = measure.logits(clips, bank, float(recogniser.model.scale))
        outcome.digests.append(clips.digest)
        for way in ("name", "mean_pooled", "ot", "ost"):
            outcome.add(f"{title}_{way}", measure.right(found[way], labels))


def _pairs(outcome: Outcome, recogniser: Recogniser, config: EvaluationConfig, seed: int) -> None:
    """Each clip is asked among the two classes of its pair alone: chance is one half."""
    answers: dict[str, list[NDArray[np.float64]]] = {}
    for place, pair in enumerate(ORDER_PAIRS):
        pictures, labels = measure.rendered(pair, config.pairs, config.frames, UNSEEN, seed + 500 + place)
        clips = measure.encoded(recogniser.model, pictures, labels)
        bank = measure.bank_of(recogniser, class_list(pair, np.random.default_rng(seed + 600 + place)))
        found = measure.logits(clips, bank, float(recogniser.model.scale))
        for way in ("mean_pooled", "ost"):
            answers.setdefault(way, []).append(measure.right(found[way], labels))
    for way, values in answers.items():
        outcome.add(f"order_pairs_{way}", np.concatenate(values))


def figures(outcome: Outcome) -> dict[str, Any]:
    """[low, value, high] for every set and way, and the differences that the report needs."""
    tables = {name: np.stack(values) for name, values in outcome.right.items()}
    found: dict[str, Any] = {name: interval(table) for name, table in tables.items()}
    for title in ("zero_shot", "paraphrased", "wrong", "seen", "bodies"):
        for one, other in (("ost", "mean_pooled"), ("ot", "mean_pooled"), ("ost", "ot")):
            if f"{title}_{one}" in tables:
                gain = difference(tables[f"{title}_{one}"], tables[f"{title}_{other}"])
                found[f"{title}_{one}_over_{other}"] = gain
    return found
