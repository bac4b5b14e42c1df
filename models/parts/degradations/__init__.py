"""The 15 image degradations of RobustSAM, in numpy and OpenCV.

>>> degraded = degrade(image, "fog", 0.7, seed=3)
>>> degraded.image.shape == image.shape
"""

from models.parts.degradations.apply import degrade
from models.parts.degradations.base import DESCRIPTIONS, KINDS, MAX_SEVERITY, TITLES, DegradationError, Degraded
from models.parts.degradations.geometry import BENDING, warp_mask
from models.parts.degradations.photo import degraded_copy, followed

__all__ = [
    "BENDING",
    "DESCRIPTIONS",
    "KINDS",
    "MAX_SEVERITY",
    "TITLES",
    "DegradationError",
    "Degraded",
    "degrade",
    "degraded_copy",
    "followed",
    "warp_mask",
]
