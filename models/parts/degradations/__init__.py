"""The 15 image degradations of RobustSAM, in numpy and OpenCV.

>>> degraded = degrade(image, "fog", 0.7, seed=3)
>>> degraded.image.shape == image.shape
"""

from models.parts.degradations.apply import degrade
from models.parts.degradations.base import DESCRIPTIONS, KINDS, MAX_SEVERITY, TITLES, DegradationError, Degraded
from models.parts.degradations.geometry import warp_mask

# Kinds whose warp is a coherent bend that the ground truth should follow; frosted glass only scatters pixels about
# their place.
BENDING: tuple[str, ...] = ("elastic",)

__all__ = [
    "BENDING",
    "DESCRIPTIONS",
    "KINDS",
    "MAX_SEVERITY",
    "TITLES",
    "DegradationError",
    "Degraded",
    "degrade",
    "warp_mask",
]
