"""The example clips of the room, from their seeds: held-out actions, in unseen places, two by skinned bodies.

    python -m models.ost.examples                    # writes assets/examples/ost/*.mp4

Needs no weights: the clips are rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.parts.video_write import write_video
from models.worlds.figures import UNSEEN, Style, act
from models.worlds.figures_actions import HELD_OUT_ACTIONS

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "ost"
RATE = 12.0
SIDE = 288


@dataclass(frozen=True)
class Example:
    """One file: the action, the place, whether by a skinned body, and the seed."""

    action: str
    scene: str
    heavy: bool
    seed: int

    @property
    def file(self) -> str:
        """Its name."""
        return f"{self.action.replace(' ', '_')}.mp4"


EXAMPLES = (
    Example("bowling", "rooftop", False, 31),
    Example("busking", "beach", True, 32),
    Example("breakdancing", "snow", False, 33),
    Example("window cleaning", "forest", False, 34),
    Example("volleyball", "beach", True, 35),
    Example("triathlon", "rooftop", False, 36),
)


def frames_of(example: Example) -> np.ndarray:
    """uint8 (N, 288, 288, 3) at RATE frames a second."""
    rng = np.random.default_rng(example.seed)
    moments = {action.name: action.moments for action in HELD_OUT_ACTIONS}[example.action]
    style = Style((example.scene,), UNSEEN.colours, example.heavy, disturbance=0.25, bystanders=1)
    clip = act(rng, moments, style, idle=0.0)
    times: Sequence[float] = np.arange(0, clip.seconds, 1 / RATE).tolist()
    return clip.at(times, SIDE)[0]


def main(folder: Path = FOLDER) -> None:
    """Write all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        file = write_video(folder / example.file, frames_of(example), RATE, quality=27)
        print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
