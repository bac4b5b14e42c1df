"""Which frames of a clip a recogniser looks at: the rules of the recorded video methods (OST, section 5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def evaluation_indices(frames: int, segments: int, clip: int = 0, clips: int = 1) -> Indices:
    """The middle frame of each of `segments` equal parts of a clip of `frames` frames.

    Returns (segments,) int64: int(i * n/T + n/T / 2) in floating point, modulo n; a clip shorter than that repeats
    frames. Of several `clips`, each looks at another place of the parts: the middles of `clips` equal shares of them.
    Raises ValueError when either number is below 1.
    """
    _check(frames, segments)
    interval = frames / segments
    place = interval * (clip + 0.5) / clips
    # Python floats on purpose: the recorded indices depend on the order of the two roundings.
    return np.array([int(i * interval + place) % frames for i in range(segments)], np.int64)


def training_indices(frames: int, segments: int, rng: np.random.Generator) -> Indices:
    """One random frame of each of `segments` parts of n//T frames.

    Returns (segments,) int64: i * (n//T) + uniform offset below n//T. A clip with fewer frames than segments is not
    random: round(i * n/T), halves to even, modulo n. Raises ValueError when either number is below 1.
    """
    _check(frames, segments)
    steps = np.arange(segments)
    interval = frames // segments
    if interval == 0:
        return np.round(steps * (frames / segments)).astype(np.int64) % frames
    return steps * interval + rng.integers(interval, size=segments)


def even_indices(frames: int, count: int) -> Indices:
    """At most `count` different frames spread over a clip, the first and the last among them; ascending."""
    _check(frames, count)
    if count == 1:
        return np.array([frames // 2], np.int64)
    return np.unique(np.round(np.linspace(0, frames - 1, min(count, frames))).astype(np.int64))


def _check(frames: int, count: int) -> None:
    if frames < 1 or count < 1:
        raise ValueError(f"A clip of {frames} frames cannot give {count}: both numbers must be at least 1")
