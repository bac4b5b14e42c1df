"""Class lists for the evaluation: descriptors in the captions' words, in others, and with wrong ones among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.ost.descriptors import ActionClass, ClassList
from models.worlds.figures_actions import Action, spatial_descriptors, temporal_descriptors

Rng = np.random.Generator


def class_list(actions: Sequence[Action], rng: Rng, other: bool = False) -> ClassList:
    """Four descriptors of each kind a class, worded at random; ``other``: in phrases that no caption uses."""
    return ClassList(
        tuple(
            ActionClass(
                action.name,
                tuple(spatial_descriptors(action, rng, other)),
                tuple(temporal_descriptors(action, rng, other)),
            )
            for action in actions
        )
    )


def with_wrong(classes: ClassList, rng: Rng, share: float) -> ClassList:
    """Each descriptor exchanged with chance ``share`` for one of the same kind of another class, drawn at random.

    Raises ValueError for fewer than two classes.
    """
    if len(classes) < 2:
        raise ValueError("wrong descriptors come from other classes; give at least two")
    items = classes.classes

    def other(own: int, kind: str, text: str) -> str:
        if rng.random() >= share:
            return text
        number = (own + int(rng.integers(1, len(items)))) % len(items)
        texts = items[number].of(kind)
        return texts[int(rng.integers(len(texts)))]

    return ClassList(
        tuple(
            ActionClass(
                item.name,
                tuple(other(place, "spatial", text) for text in item.spatial),
                tuple(other(place, "temporal", text) for text in item.temporal),
            )
            for place, item in enumerate(items)
        )
    )
