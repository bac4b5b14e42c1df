"""The words for what the figures show: several phrases for everything, others kept back, and sentences made of them.

A caption is true of many frames, so each one carries what it claims; figures_truth says of which frames it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.worlds.figures import FrameLabel, Moment

Rng = np.random.Generator

POSTURE_WORDS: dict[str, tuple[str, ...]] = {
    "standing": (
        "standing",
        "standing still",
        "standing upright",
        "on both feet",
        "standing with arms down",
        "just standing there",
    ),
    "hands on hips": (
        "with hands on the hips",
        "hands on hips",
        "standing with both hands on the waist",
        "with elbows out and hands on the hips",
    ),
    "arms folded": ("with arms folded", "arms crossed", "with crossed arms", "with folded arms over the chest"),
    "arms raised": (
        "with both arms raised",
        "arms up",
        "both arms overhead",
        "with both hands above the head",
        "raising both arms",
    ),
    "arms spread": (
        "with arms spread wide",
        "arms stretched out to the sides",
        "both arms out to the side",
        "with open arms",
    ),
    "waving": ("waving", "waving with one hand", "waving hello", "one raised hand waving"),
    "pointing": ("pointing", "pointing forward", "pointing with one arm", "one arm stretched forward"),
    "reaching up": (
        "reaching up",
        "reaching up with one arm",
        "stretching one hand up high",
        "on tiptoe reaching high",
    ),
    "pushing": ("pushing", "leaning forward and pushing", "pushing hard with both arms", "leaning into a push"),
    "hand at the head": (
        "with a hand at the head",
        "holding a hand to the ear",
        "a hand beside the head",
        "one hand at the ear",
    ),
    "bending": (
        "bending down",
        "bending over",
        "bent at the waist",
        "bending forward with arms hanging",
        "leaning down",
    ),
    "crouching": ("crouching", "squatting", "crouching low", "in a squat", "crouched with bent knees"),
    "kneeling": ("kneeling", "on one knee", "kneeling down", "with one knee on the ground"),
    "sitting": ("sitting", "sitting on a chair", "seated", "sitting down on a seat", "seated on a chair"),
    "sitting on the ground": (
        "sitting on the ground",
        "sitting on the floor",
        "seated on the floor with legs stretched",
        "sitting low with straight legs",
    ),
    "lying on the back": ("lying on the back", "lying face up", "flat on the back", "lying down on the back"),
    "lying on the front": ("lying on the front", "lying face down", "flat on the belly", "lying on the stomach"),
    "lunging": ("lunging", "in a deep lunge", "taking a long step forward", "one leg far forward in a lunge"),
    "kicking": ("kicking", "kicking with one leg", "swinging a leg up in a kick", "kicking forward"),
    "throwing": ("throwing", "about to throw", "throwing with one arm back", "arm back for a throw"),
    "dancing": ("dancing", "in a dance pose", "dancing with one arm up", "dancing around"),
    "falling": ("falling", "falling forward", "tripping over", "losing balance and falling"),
    "walking": ("walking", "walking along", "taking steps", "walking forward"),
    "running": ("running", "running fast", "sprinting", "running forward"),
    "jumping": ("jumping", "jumping in the air", "leaping", "jumping high", "in the middle of a jump"),
    "plank": ("in a plank", "doing a push up", "in a push up position", "holding a plank on straight arms"),
    "crawling": ("crawling", "on hands and knees", "crawling on all fours", "crawling along the floor"),
    "handstand": ("doing a handstand", "upside down on the hands", "in a handstand", "standing on the hands"),
    "balancing": (
        "balancing on one leg",
        "standing on one leg",
        "on one foot with arms out",
        "balancing with one leg lifted",
    ),
    "swinging": ("swinging both arms", "swinging to one side", "twisting with both arms to the side", "in a big swing"),
    "climbing": ("climbing", "climbing up", "hands and feet climbing", "climbing high"),
    "punching": ("punching", "throwing a punch", "punching with one fist", "striking with the fist"),
    "riding": ("riding a bike", "on a bike", "riding a bicycle", "cycling along", "pedalling"),
}
"""Posture -> the phrases that captions use."""

OTHER_POSTURE_WORDS: dict[str, tuple[str, ...]] = {
    "standing": ("upright on the feet", "staying still"),
    "hands on hips": ("both hands at the waist", "elbows out"),
    "arms folded": ("folding both arms", "arms over the chest"),
    "arms raised": ("lifting both hands high", "hands up above the head"),
    "arms spread": ("wide open arms", "stretching both arms sideways"),
    "waving": ("giving a wave", "hello with a raised hand"),
    "pointing": ("an arm pointing ahead", "stretching one arm forward"),
    "reaching up": ("a high reach with one hand", "stretching up on tiptoe"),
    "pushing": ("a hard push", "leaning and pushing forward"),
    "hand at the head": ("the hand is at the ear", "touching the head with one hand"),
    "bending": ("a deep bend at the waist", "leaning over with hanging arms"),
    "crouching": ("low down with bent knees", "a low squat"),
    "kneeling": ("down on one knee", "a knee touching the ground"),
    "sitting": ("resting on a chair", "on a seat"),
    "sitting on the ground": ("on the floor with the legs stretched", "resting on the ground with straight legs"),
    "lying on the back": ("face up and flat", "resting flat on the back"),
    "lying on the front": ("face down and flat", "on the belly"),
    "lunging": ("a long deep step", "a lunge with one leg forward"),
    "kicking": ("a kick", "a leg swinging forward"),
    "throwing": ("ready for a throw", "the arm goes back to throw"),
    "dancing": ("a dance", "dance steps with an arm up"),
    "falling": ("a fall", "tripping and losing balance"),
    "walking": ("a walk", "stepping forward"),
    "running": ("a fast run", "a sprint"),
    "jumping": ("a high jump", "a leap in the air"),
    "plank": ("push ups", "straight arms in a plank"),
    "crawling": ("all fours", "moving on hands and knees"),
    "handstand": ("upside down", "feet up and hands on the floor"),
    "balancing": ("a balance on one foot", "one leg lifted off the ground"),
    "swinging": ("a swing of both arms", "both arms twisting to one side"),
    "climbing": ("a climb", "going up with hands and feet"),
    "punching": ("a punch", "a strike with one fist"),
    "riding": ("a bicycle ride", "pedalling a bike"),
}
"""Posture -> phrases that no caption uses, though most of their words are in some; for the paraphrased descriptors."""

_HELD = ("holding a {}", "with a {} in the hands", "a {} in hand", "carrying a {}")
_GROUND = (
    "a {} on the ground",
    "a {} lies on the floor",
    "next to a {} on the ground",
    "with a {} on the floor in front",
)
_AIR = ("a {} in the air", "a {} flying", "with a {} flying through the air")
ITEM_WORDS: dict[str, tuple[str, ...]] = {"held": _HELD, "ground": _GROUND, "air": _AIR}
OTHER_ITEM_WORDS: dict[str, tuple[str, ...]] = {
    "held": ("the hands hold a {}", "gripping a {}"),
    "ground": ("a {} down on the floor", "in front of a {} on the ground"),
    "air": ("a flying {}", "a {} up in the air"),
}
NAMED: dict[str, tuple[str, ...]] = {
    "ball": ("ball",),
    "box": ("box", "cardboard box"),
    "bar": ("barbell", "bar with weights"),
    "bat": ("bat", "wooden bat"),
    "broom": ("broom",),
    "book": ("book", "open book"),
    "guitar": ("guitar",),
    "umbrella": ("umbrella",),
    "bag": ("bag", "handbag"),
    "rope": ("rope",),
}
FURNITURE_WORDS: dict[str, tuple[str, ...]] = {
    "table": ("at a table", "beside a table", "a table in front"),
    "ladder": ("at a ladder", "next to a ladder", "a ladder in front"),
    "bike": ("beside a bike", "next to a parked bicycle", "a bike standing in front"),
    "chair": ("beside a chair", "next to an empty chair", "a chair behind"),
}
SCENE_WORDS: dict[str, tuple[str, ...]] = {
    "room": ("in a room", "in a living room", "at home"),
    "street": ("in the street", "on a road between houses", "in a city street"),
    "park": ("in a park", "under trees in a park", "on the grass of a park"),
    "gym": ("in a gym", "in a sports hall", "in a gym with wall bars"),
    "office": ("in an office", "in an office with shelves"),
    "kitchen": ("in a kitchen", "in a kitchen with cupboards"),
    "stage": ("on a stage", "on a stage with red curtains"),
    "field": ("on a playing field", "in a stadium", "on a sports field"),
}
WHO = ("a person", "someone", "somebody", "a figure")
TEMPLATES = ("this is a video about {}", "a photo of {}", "a video of {}", "{} in this video")
NAMED_TEMPLATE = "a video of {} usually includes {}"


@dataclass(frozen=True)
class Caption:
    """A text and what it claims of a frame; None claims nothing."""

    text: str
    posture: str | None = None
    item: str | None = None
    mode: str | None = None
    furniture: str | None = None
    shirt: str | None = None
    scene: str | None = None


def posture_text(name: str, rng: Rng, other: bool = False) -> str:
    """A phrase for a posture; ``other``: of those that captions never use."""
    return _one(rng, (OTHER_POSTURE_WORDS if other else POSTURE_WORDS)[name])


def item_text(item: str, mode: str, rng: Rng, other: bool = False) -> str:
    """A phrase for an item in its place."""
    return _one(rng, (OTHER_ITEM_WORDS if other else ITEM_WORDS)[mode]).format(_one(rng, NAMED[item]))


def moment_text(moment: Moment, rng: Rng, other: bool = False) -> str:
    """The phrase of one step: posture, then the item or the furniture."""
    parts = [posture_text(moment.posture, rng, other)]
    if moment.item is not None and moment.mode is not None:
        parts.append(item_text(moment.item, moment.mode, rng, other))
    elif moment.furniture is not None and moment.posture != "riding":
        parts.append(_one(rng, FURNITURE_WORDS[moment.furniture]))
    return " ".join(parts) if len(parts) == 1 or rng.random() < 0.5 else " and ".join(parts)


def caption(label: FrameLabel, rng: Rng, names: Sequence[str] = ()) -> Caption:
    """A random true sentence on a frame. names: what may stand for the class in the temporal template."""
    chance = rng.random
    posture = label.posture if chance() < 0.8 else None
    has_item = label.item is not None and label.mode is not None and not label.changing
    item, mode = (label.item, label.mode) if has_item and chance() < 0.65 else (None, None)
    furniture = label.furniture if item is None and posture != "riding" and chance() < 0.6 else None
    shirt = (label.shirt or None) if chance() < 0.3 else None
    scene = label.scene if label.scene in SCENE_WORDS and chance() < 0.3 else None
    if posture is None and item is None and furniture is None and scene is None:
        shirt = label.shirt or None
    parts: list[str] = []
    if shirt is not None:
        worn = f"{_one(rng, WHO)} in a {shirt} shirt" if chance() < 0.6 else f"{_one(rng, WHO)} in {shirt}"
        parts.append(worn)
    elif (posture is not None and chance() < 0.45) or all(claim is None for claim in (posture, item, furniture, scene)):
        parts.append(_one(rng, WHO))
    if posture is not None:
        parts.append(posture_text(posture, rng))
    if item is not None and mode is not None:
        joint = "and " if posture is not None and chance() < 0.5 else ""
        parts.append(joint + item_text(item, mode, rng))
    if furniture is not None:
        parts.append(_one(rng, FURNITURE_WORDS[furniture]))
    if scene is not None:
        parts.append(_one(rng, SCENE_WORDS[scene]))
    text = " ".join(parts)
    way = chance()
    if way < 0.25 and len(names):
        text = NAMED_TEMPLATE.format(names[int(rng.integers(len(names)))], text)
    elif way < 0.6:
        text = _one(rng, TEMPLATES).format(text)
    return Caption(text, posture, item, mode, furniture, shirt, scene)


_SYLLABLES = (
    "ba",
    "ke",
    "lo",
    "mi",
    "nu",
    "ra",
    "si",
    "to",
    "ve",
    "wo",
    "zan",
    "dri",
    "fle",
    "gor",
    "hul",
    "jat",
    "pol",
    "quin",
)


def invented_names(rng: Rng, count: int) -> list[str]:
    """Words that mean nothing, one to three syllables each, some of two words: a text tower must not lean on names."""
    found = []
    for _ in range(count):
        words = [
            "".join(_one(rng, _SYLLABLES) for _ in range(int(rng.integers(1, 4))))
            for _ in range(int(rng.integers(1, 3)))
        ]
        found.append(" ".join(words))
    return found


def _one(rng: Rng, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
