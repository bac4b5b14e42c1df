"""Actions as sequences of four moments: 24 for training, 24 held out, and pairs that differ in order alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.worlds.figures import Moment
from models.worlds.figures_words import FURNITURE_WORDS, item_text, moment_text, posture_text

Rng = np.random.Generator
STEPS = 4


@dataclass(frozen=True)
class Action:
    """A class: its name and its moments in order."""

    name: str
    moments: tuple[Moment, ...]


def parsed(name: str, script: str) -> Action:
    """``posture [item.mode] [@furniture] | ...``, the names written with underscores for spaces."""
    moments = []
    for step in script.split("|"):
        words = step.split()
        item = mode = furniture = None
        for word in words[1:]:
            if word.startswith("@"):
                furniture = word[1:]
            else:
                item, _, mode = word.partition(".")
        moments.append(Moment(words[0].replace("_", " "), item, mode, furniture))
    return Action(name, tuple(moments))


_SEEN = {
    "lifting weights": "bending bar.ground | crouching bar.held | standing bar.held | arms_raised bar.held",
    "shooting a basket": "standing ball.held | crouching ball.held | jumping ball.held | reaching_up ball.air",
    "taking a penalty": "standing ball.ground | running ball.ground | kicking ball.air | arms_raised",
    "moving house": "bending box.ground | crouching box.held | walking box.held | standing box.ground",
    "going for a ride": "standing @bike | bending @bike | riding | waving @bike",
    "sweeping up": "standing broom.held | walking broom.held | bending broom.held | lunging broom.held",
    "batting": "standing bat.held | lunging bat.held | swinging bat.held | running",
    "studying": "walking book.held | sitting book.held | hand_at_the_head book.held | standing book.held",
    "picking apples": "reaching_up @ladder | climbing @ladder | bending bag.ground | walking bag.held",
    "floor exercise": "lying_on_the_back | plank | sitting_on_the_ground | crouching",
    "gymnastics": "running | handstand | arms_spread | jumping",
    "rope skipping": "standing rope.held | jumping rope.held | crouching rope.held | bending rope.ground",
    "strolling in the rain": "walking umbrella.held | standing umbrella.held | running umbrella.held"
    " | crouching umbrella.held",
    "playing a concert": "standing guitar.held | sitting guitar.held | waving guitar.ground | kneeling guitar.held",
    "greeting": "walking | waving | arms_spread | hands_on_hips",
    "warming up": "arms_raised | bending | lunging | balancing",
    "proposing": "walking | kneeling | arms_raised | dancing",
    "boxing": "standing | punching | crouching | falling",
    "giving a talk": "standing @table | pointing @table | arms_spread @table | arms_folded @table",
    "slipping": "walking | falling | lying_on_the_back | sitting_on_the_ground",
    "hiding": "bending | crawling | lying_on_the_front | kneeling",
    "making a call": "hand_at_the_head | sitting | pointing | arms_folded",
    "playing catch": "bending ball.ground | standing ball.held | throwing ball.held | reaching_up ball.air",
    "pushing a load": "pushing box.ground | hands_on_hips box.ground | kneeling box.ground | pointing box.ground",
}
_HELD_OUT = {
    "powerlifting": "hands_on_hips bar.ground | crouching bar.ground | crouching bar.held | arms_raised bar.held",
    "bodybuilding": "standing bar.held | crouching bar.held | lunging bar.held | bending bar.ground",
    "volleyball": "crouching ball.air | jumping ball.air | arms_raised ball.held | lunging ball.air",
    "goalkeeping": "arms_spread ball.air | falling ball.air | lying_on_the_front ball.ground | kicking ball.ground",
    "bowling": "walking ball.held | lunging ball.held | bending ball.ground | pointing ball.ground",
    "handball": "running ball.held | jumping ball.held | throwing ball.held | arms_raised ball.air",
    "dribbling": "running ball.ground | kicking ball.ground | balancing ball.ground | lunging ball.ground",
    "parcel delivery": "walking box.held | standing box.held | kneeling box.ground | waving box.ground",
    "warehouse stacking": "crouching box.ground | climbing @ladder | reaching_up box.held | standing @ladder",
    "window cleaning": "climbing @ladder | reaching_up broom.held | standing broom.held | bending bag.ground",
    "curling": "kneeling | lunging broom.held | crouching broom.held | pointing broom.held",
    "golf": "standing bat.held | bending bat.held | swinging bat.held | hand_at_the_head bat.ground",
    "fencing": "lunging bat.held | pointing bat.held | jumping bat.held | arms_folded bat.ground",
    "triathlon": "running | riding | bending @bike | lying_on_the_front",
    "roadside repair": "kneeling @bike | crouching @bike | hands_on_hips @bike | riding",
    "busking": "standing guitar.held | dancing guitar.held | bending guitar.ground | arms_spread guitar.ground",
    "serenading": "kneeling guitar.held | sitting guitar.held | pointing guitar.ground | waving guitar.ground",
    "breakdancing": "dancing | handstand | plank | balancing",
    "karate": "kicking | punching | balancing | bending",
    "commuting": "running bag.held | standing bag.held | sitting book.held | walking umbrella.held",
    "teaching": "pointing book.held | sitting @table | arms_folded | reaching_up",
    "lassoing": "standing rope.held | swinging rope.held | throwing rope.held | kneeling rope.ground",
    "fainting": "hand_at_the_head | falling | lying_on_the_back | crawling",
    "shopping": "walking bag.held | bending bag.ground | reaching_up bag.held | hand_at_the_head bag.held",
}
_PAIRS = (
    ("sitting down", "getting up from a chair", "standing | bending | sitting | sitting"),
    ("lying down", "rising from the floor", "standing | crouching | sitting_on_the_ground | lying_on_the_back"),
    (
        "putting a box down",
        "picking a box up",
        "standing box.held | bending box.held | bending box.ground | standing box.ground",
    ),
    (
        "mounting a ladder",
        "descending a ladder",
        "standing @ladder | reaching_up @ladder | climbing @ladder | climbing @ladder",
    ),
)

SEEN_ACTIONS = tuple(parsed(name, script) for name, script in _SEEN.items())
HELD_OUT_ACTIONS = tuple(parsed(name, script) for name, script in _HELD_OUT.items())
ORDER_PAIRS = tuple(
    (Action(first, parsed(first, script).moments), Action(second, parsed(second, script).moments[::-1]))
    for first, second, script in _PAIRS
)
"""Pairs of one moment sequence forwards and backwards: a score that ignores order cannot tell them apart."""


def temporal_descriptors(action: Action, rng: Rng, other: bool = False) -> list[str]:
    """One phrase a step, in order; ``other``: in words that captions never use."""
    return [moment_text(moment, rng, other) for moment in action.moments]


def spatial_descriptors(action: Action, rng: Rng, other: bool = False) -> list[str]:
    """As many static cues: things in their places, then postures, none twice."""
    cues: list[str] = []
    taken: set[tuple[str | None, str | None]] = set()
    for moment in action.moments:
        key = (moment.item, moment.mode) if moment.item is not None else (moment.furniture, None)
        if moment.item is not None and moment.mode is not None and key not in taken:
            cues.append(item_text(moment.item, moment.mode, rng, other))
        elif moment.item is None and moment.furniture is not None and key not in taken:
            words = FURNITURE_WORDS[moment.furniture]
            cues.append(words[int(rng.integers(len(words)))])
        else:
            cues.append(posture_text(moment.posture, rng, other))
        taken.add(key)
    return cues
