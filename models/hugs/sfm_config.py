"""Settings of structure from motion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SfmConfig:
    """How structure from motion is done."""

    known_poses: bool | None = None
    """Keep the poses the views have and find points only; None: when every view has one."""
    camera_model: str = "SIMPLE_RADIAL"
    """SIMPLE_PINHOLE, PINHOLE, SIMPLE_RADIAL, RADIAL or OPENCV; what is solved for when poses are not known."""
    max_features: int = 8192
    """Most features of a picture."""
    peak_threshold: float | None = None
    """How strong a feature must be; smaller finds more. None: COLMAP's 0.0067, and 0.004 for pictures below 400
    pixels, which have few."""
    max_side: int = 1600
    """Features are searched in a copy with at most so many pixels on the longer side."""
    exhaustive_up_to: int = 60
    """Up to so many photos every pair is compared, above only neighbours in time (and every 2, 4, 8 ... photos)."""
    threads: int = 0
    """Threads; 0: one for up to 60 photos below 400 pixels, else one for each processor. With one thread the same
    photos and seed give the same result to the last bit; with more, points differ by a few in a thousand."""

    def checked(self) -> SfmConfig:
        """This, when the settings make sense; ValueError otherwise."""
        if self.camera_model not in ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"):
            raise ValueError(f"camera_model cannot be {self.camera_model!r}")
        if self.max_features < 64 or self.max_side < 64 or self.exhaustive_up_to < 2 or self.threads < 0:
            raise ValueError("max_features and max_side must be at least 64, exhaustive_up_to 2, threads 0")
        if self.peak_threshold is not None and not 0 < self.peak_threshold < 1:
            raise ValueError("peak_threshold lies between 0 and 1")
        return self
