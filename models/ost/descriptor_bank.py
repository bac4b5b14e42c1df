"""Descriptors without a language model: a bank written by hand, the rendered actions' own, and a rule for the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from models.method import ASSETS
from models.ost.descriptors import ActionClass, ClassList, from_json
from models.parts.problems import BadInput
from models.worlds.figures_actions import HELD_OUT_ACTIONS, ORDER_PAIRS, SEEN_ACTIONS, Action
from models.worlds.figures_actions import spatial_descriptors as rendered_spatial
from models.worlds.figures_actions import temporal_descriptors as rendered_temporal

Origin = Literal["bank", "rendered", "rule"]
_LITTLE = frozenset({"a", "an", "the", "of", "on", "in", "with", "to", "at", "some"})
_MOST = 32


@dataclass(frozen=True)
class Generated:
    """A class with generated descriptors and where they come from."""

    item: ActionClass
    origin: Origin


@lru_cache(maxsize=1)
def bank() -> ClassList:
    """The hand-written bank: common actions with four descriptors of each kind."""
    return from_json((ASSETS / "examples" / "ost" / "bank.json").read_text(encoding="utf-8"))


def rendered_names(held_out: bool = True) -> tuple[str, ...]:
    """The actions of the rendered clips: the held-out ones, or those seen in training."""
    return tuple(action.name for action in (HELD_OUT_ACTIONS if held_out else SEEN_ACTIONS))


def generate(name: str, count: int = 4) -> Generated:
    """``count`` descriptors of each kind for the action ``name``; the same name always gives the same texts.

    From the bank when it knows the action under this or a similar spelling, from the rendered actions, else by rule.
    What the source lacks is filled up by rule. Raises BadInput for an empty name or a count outside 1 to 32.
    """
    shown = name.strip()
    if not shown:
        raise BadInput("The class", "has no name", "Write one first")
    if not 1 <= count <= _MOST:
        raise BadInput("The number of descriptors", f"is {count}", f"Give 1 to {_MOST}")
    key = stem(shown)
    origin: Origin = "rule"
    spatial: tuple[str, ...] = ()
    temporal: tuple[str, ...] = ()
    if key in _rendered():
        origin = "rendered"
        action, rng = _rendered()[key], np.random.default_rng(0)
        spatial = tuple(rendered_spatial(action, rng))
        temporal = tuple(rendered_temporal(action, rng))
    elif key in _written():
        origin = "bank"
        spatial, temporal = _written()[key]
    item = ActionClass(
        shown,
        _filled(spatial, ruled_spatial(shown), count),
        _filled(temporal, ruled_temporal(shown), count),
    )
    return Generated(item, origin)


def class_list(names: tuple[str, ...], count: int = 4) -> ClassList:
    """Generated descriptors for every name, as a preset."""
    return ClassList(tuple(generate(name, count).item for name in names))


def stem(name: str) -> str:
    """A spelling under which "ride_bike", "riding a bike" and "Riding bikes" are one."""
    words = [word for word in re.findall(r"\w+", name.lower().replace("_", " ")) if word not in _LITTLE]
    return " ".join(_short(word) for word in words)


def _short(word: str) -> str:
    for ending in ("ing", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiou" else word.removesuffix("e")


def ruled_spatial(name: str) -> tuple[str, ...]:
    """Static cues from the words of ``name`` alone; the name itself is not repeated."""
    words = re.findall(r"\w+", name.lower().replace("_", " "))
    things = [word for word in words[1:] if word not in _LITTLE and not word.endswith("ing")]
    thing = " ".join(things)
    about = (thing, f"hands near {thing}", f"a person beside {thing}", f"{thing} close up") if thing else ()
    return (
        *about,
        "a person in the middle of the picture",
        "arms and hands in action",
        "the body of a person from head to foot",
        "the place around a person",
        "a person seen from the side",
        "the face of a person",
        "clothes fit for the activity",
        "other people looking on",
    )


def ruled_temporal(name: str) -> tuple[str, ...]:
    """Steps that every action has."""
    del name
    return (
        "getting into position",
        "beginning the movement",
        "the movement at its height",
        "coming to an end",
        "looking at what is to be done",
        "repeating the movement",
        "changing the posture of the body",
        "standing still afterwards",
    )


def _filled(texts: tuple[str, ...], more: tuple[str, ...], count: int) -> tuple[str, ...]:
    """The first ``count`` different texts of both; numbered variants when even those are too few."""
    distinct = list(dict.fromkeys((*texts, *more)))
    turn = 2
    while len(distinct) < count:
        distinct += [f"{text}, part {turn}" for text in more]
        turn += 1
    return tuple(distinct[:count])


@lru_cache(maxsize=1)
def _written() -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {stem(item.name): (item.spatial, item.temporal) for item in bank().classes}


@lru_cache(maxsize=1)
def _rendered() -> dict[str, Action]:
    pairs = [action for pair in ORDER_PAIRS for action in pair]
    return {stem(action.name): action for action in (*pairs, *SEEN_ACTIONS, *HELD_OUT_ACTIONS)}
