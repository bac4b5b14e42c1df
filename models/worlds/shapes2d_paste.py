"""Lays one layer of a 2-D scene over the canvas: its shadow first, then the thing itself, sharp or out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from models.worlds.shapes2d_layers import Layer
from models.worlds.shapes2d_light import soft_shadow
from models.worlds.shapes2d_outline import F32, U8


def shadow(canvas: F32, layer: Layer, offset: tuple[int, int], sigma: float, strength: float) -> None:
    """Darken the canvas (S, S, 3) in place where the layer's shadow falls, ``offset`` (x, y) pixels away."""
    window = layer.window.grown(int(max(map(abs, offset)) + 2.5 * sigma) + 2, canvas.shape[0])
    alpha: U8 = np.zeros(window.shape, np.uint8)
    top, left = layer.window.y0 - window.y0, layer.window.x0 - window.x0
    alpha[top : top + layer.alpha.shape[0], left : left + layer.alpha.shape[1]] = layer.alpha
    canvas[window.slices] *= (1 - soft_shadow(alpha, offset, sigma) * np.float32(strength))[..., None]


def paste(canvas: F32, layer: Layer, sigma: float, sharp_below: float) -> None:
    """Lay the object over the canvas (S, S, 3) in place; ``sigma`` from ``sharp_below`` pixels on puts it out of focus.

    The truth stays the sharp outline.
    """
    weight = (layer.alpha * np.float32(1 / 255))[..., None]
    if sigma < sharp_below:
        under = canvas[layer.window.slices]
        under += (layer.colour - under) * weight
        return
    window = layer.window.grown(int(2.5 * sigma) + 1, canvas.shape[0])
    top, left = layer.window.y0 - window.y0, layer.window.x0 - window.x0
    whole = np.zeros((*window.shape, 4), np.float32)
    inner = whole[top : top + layer.alpha.shape[0], left : left + layer.alpha.shape[1]]
    inner[..., :3], inner[..., 3:] = layer.colour * weight, weight
    whole = cv2.GaussianBlur(whole, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    under = canvas[window.slices]
    under *= 1 - whole[..., 3:]
    under += whole[..., :3]
