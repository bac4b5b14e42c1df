"""Settings of the radiance field that is trained on a capture, and what each of them does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.parts.problems import BadInput

Loss = Literal["charbonnier", "mse", "robust"]
Network = Literal["voxel", "nerfacto"]


@dataclass(frozen=True)
class FieldConfig:
    """How a voxel field is trained. ``checked()`` refuses values that cannot work."""

    iterations: int = 400
    """Steps of the optimiser. Without masks more is not better: the field learns what moves as well."""
    side: int = 96
    """Longer side in pixels at which the photos are learnt; smaller photos are learnt as they are."""
    rays: int = 2048
    """Pixels looked at in one step."""
    samples: int = 24
    """Places along a ray that are read with colour, chosen by a coarse pass."""
    probes: int = 32
    """Places along a ray at which the coarse pass looks for surfaces."""
    nodes: int = 400_000
    """Grid nodes of the finest level; memory grows with it, time hardly."""
    loss: Loss = "charbonnier"
    """Error of a pixel: Charbonnier (the paper's, little moved by outliers), squared, or RobustNeRF's trimming."""
    rate: float = 0.1
    """Learning rate at the start; it falls to a tenth of that."""
    distortion: float = 0.002
    """Weight of the loss that draws the light of a ray to one place."""
    shell: float | None = None
    """Share of the grid outside the box of the scene, for what lies far away; empty: decided by the points."""
    network: Network = "voxel"
    """The voxel grid for a processor, or the repository's Nerfacto for a GPU, which ignores the grid's settings."""

    def checked(self) -> FieldConfig:
        """Itself; raises BadInput naming the setting that cannot work."""
        limits = {
            "iterations": (1, 100_000),
            "side": (16, 1024),
            "rays": (64, 65_536),
            "samples": (4, 256),
            "probes": (8, 512),
            "nodes": (1_000, 8_000_000),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise BadInput(name, f"is {getattr(self, name)}", f"Choose a whole number between {low:,} and {high:,}")
        if not 0 < self.rate <= 1:
            raise BadInput("rate", f"is {self.rate}", "Choose a learning rate above 0 and up to 1; 0.1 is usual")
        if self.distortion < 0:
            raise BadInput("distortion", f"is {self.distortion}", "Choose 0 or more; 0.002 is usual")
        if self.shell is not None and not 0 <= self.shell <= 2:
            raise BadInput("shell", f"is {self.shell}", "Choose between 0 (a closed room) and 2, or leave it empty")
        if self.loss not in ("charbonnier", "mse", "robust"):
            raise BadInput("loss", f"is {self.loss!r}", "Choose charbonnier, mse or robust")
        if self.network not in ("voxel", "nerfacto"):
            raise BadInput("network", f"is {self.network!r}", "Choose voxel or nerfacto")
        return self
