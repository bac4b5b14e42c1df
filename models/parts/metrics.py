"""How alike two pictures are: PSNR, SSIM, and colours brought in line first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

Array = npt.NDArray[np.float64]

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
CORRECTION_ROUNDS = 5
CLIPPED = 0.5 / 255
"""Values this close to 0 or 1 tell nothing about the colour fit."""


def psnr(shown: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Peak signal to noise ratio in decibels for values in [0, 1]; infinite for equal pictures."""
    a, b = _same(shown, truth)
    error = float(np.mean((a - b) ** 2))
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ssim(shown: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Structural similarity (H, W[, C]) with a data range of 1: Gauss window 11 of sigma 1.5, where it fits inside.

    Raises ValueError for pictures smaller than the window.
    """
    a, b = _same(shown, truth)
    if min(a.shape[:2]) < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW} x {WINDOW} pixels, got {a.shape[1]} x {a.shape[0]}")
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    similar = ((2 * mean_a * mean_b + c1) * (2 * both + c2)) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(similar.mean())


def colour_correct(
    shown: npt.ArrayLike, truth: npt.ArrayLike, rounds: int = CORRECTION_ROUNDS, eps: float = CLIPPED
) -> Array:
    """``shown`` (..., C) after the quadratic colour map that brings it closest to ``truth``, fitted ``rounds`` times.

    Values within ``eps`` of 0 or 1 in either picture are left out of the fit; the result lies in [0, 1].
    """
    a, b = _same(shown, truth)
    channels = a.shape[-1]
    current, goal = a.reshape(-1, channels), b.reshape(-1, channels)

    def inside(values: Array) -> npt.NDArray[np.bool_]:
        used: npt.NDArray[np.bool_] = (values >= eps) & (values <= 1 - eps)
        return used

    first = inside(current)
    for _ in range(rounds):
        terms = [current[:, c : c + 1] * current[:, c:] for c in range(channels)]
        matrix = np.concatenate([*terms, current, np.ones_like(current[:, :1])], -1)
        columns = []
        for c in range(channels):
            used = first[:, c] & inside(current[:, c]) & inside(goal[:, c])
            columns.append(np.linalg.lstsq(matrix[used], goal[used, c], rcond=None)[0])
        current = np.clip(matrix @ np.stack(columns, -1), 0, 1)
    return current.reshape(a.shape)


def _same(shown: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Array, Array]:
    a, b = np.asarray(shown, np.float64), np.asarray(truth, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"pictures of different shapes {a.shape} and {b.shape} cannot be compared")
    return a, b


def _blur(values: Array) -> Array:
    """Gauss-weighted mean of the windows that lie inside."""
    reach = WINDOW // 2
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        values = correlate1d(values, kernel, axis=axis, mode="reflect")
    return values[reach:-reach, reach:-reach]
