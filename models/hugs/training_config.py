"""The paper's training schedule by configuration: for the partially trained field and for the final one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from models.parts.problems import BadInput


@dataclass(frozen=True)
class TrainingConfig:
    """How Nerfacto is trained; the defaults are the released final training with masks."""

    iterations: int = 25_000
    """Steps; mask generation takes 3000 (2000 to 5000)."""
    patches: int = 64
    """Patches a step, each of a photo drawn at random."""
    patch: int = 16
    """Side of a patch in pixels: 64 x 16 x 16 = 16384 rays a step."""
    loss: Literal["charbonnier", "mse", "robust"] = "charbonnier"
    """Charbonnier for masked and mask-making runs, squared for plain and RobustNeRF runs."""
    rate: float = 1e-2
    """Learning rate after the warm-up."""
    final_rate: float = 1e-3
    """Learning rate at the end; it falls exponentially."""
    warm_up: int = 500
    """Steps in which the rate rises like a sine; 0 for mask generation."""
    anneal_steps: int = 10_000
    """Steps until the proposals are trusted; 5000 for mask generation."""
    proposal_every: tuple[int, int, int] = (5000, 1, 5)
    """Proposals learn every clamp(5 * step / first, second, third) steps."""
    interlevel: float = 1.0
    """Weight of the loss that makes the proposals contain the field's weights."""
    epsilon: float = 1e-15
    """Adam's epsilon."""
    half_precision: bool = True
    """Automatic mixed precision on a GPU; never on a CPU."""

    def checked(self) -> TrainingConfig:
        """Itself; raises BadInput for sizes that cannot work."""
        for name, least in (("iterations", 1), ("patches", 1), ("patch", 2), ("warm_up", 0), ("anneal_steps", 1)):
            if getattr(self, name) < least:
                raise BadInput(name, f"is {getattr(self, name)}", f"Choose {least} or more")
        return self


FINAL = TrainingConfig()
MASK_GENERATION = replace(FINAL, iterations=3000, warm_up=0, anneal_steps=5000)
PLAIN = replace(FINAL, loss="mse")
ROBUST = replace(FINAL, loss="robust")

TRAININGS = {"final": FINAL, "mask_generation": MASK_GENERATION, "plain": PLAIN, "robust": ROBUST}
"""By the names of the command line."""
