"""Rays of a camera with lens distortion, and the contraction that fits an unbounded scene into a ball."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.parts.capture import Intrinsics

Array = npt.NDArray[np.float64]
UNDISTORT_STEPS = 10
SINGULAR = 1e-9


def pixel_centres(width: int, height: int) -> Array:
    """(H, W, 2) float64 centres (x, y), the first at (0.5, 0.5)."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y], -1)


def undistort(xy: Array, intrinsics: Intrinsics) -> Array:
    """(..., 2) normalised image points without the lens distortion, by Newton's method on Brown's model."""
    if not intrinsics.distorted:
        return xy
    k1, k2, p1, p2 = intrinsics.k1, intrinsics.k2, intrinsics.p1, intrinsics.p2
    wanted_x, wanted_y = xy[..., 0], xy[..., 1]
    x, y = wanted_x.copy(), wanted_y.copy()
    for _ in range(UNDISTORT_STEPS):
        r = x * x + y * y
        radial = 1 + r * (k1 + r * k2)
        slope = k1 + 2 * k2 * r
        off_x = x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x) - wanted_x
        off_y = y * radial + 2 * p2 * x * y + p1 * (r + 2 * y * y) - wanted_y
        xx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
        xy_ = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        yy = radial + 2 * y * y * slope + 2 * p2 * x + 6 * p1 * y
        determinant = xx * yy - xy_ * xy_
        usable = np.abs(determinant) > SINGULAR
        inverse = np.where(usable, 1 / np.where(usable, determinant, 1), 0)
        x = x - inverse * (yy * off_x - xy_ * off_y)
        y = y - inverse * (xx * off_y - xy_ * off_x)
    return np.stack([x, y], -1)


def camera_rays(pixels: Array, intrinsics: Intrinsics, camera_to_world: Array) -> tuple[Array, Array]:
    """Origins and directions (..., 3) float64 of pixels (..., 2); directions reach the plane at distance 1."""
    centre, focal = np.array([intrinsics.cx, intrinsics.cy]), np.array([intrinsics.fx, intrinsics.fy])
    flat = undistort((np.asarray(pixels, np.float64) - centre) / focal, intrinsics)
    local = np.concatenate([flat[..., :1], -flat[..., 1:], -np.ones_like(flat[..., :1])], -1)
    pose = np.asarray(camera_to_world, np.float64)
    directions = local @ pose[:3, :3].T
    return np.broadcast_to(pose[:3, 3], directions.shape).copy(), directions


def contract(points: Tensor) -> Tensor:
    """(..., 3) Mip-NeRF 360's contraction by the Euclidean norm: the unit ball stays, the rest goes within radius 2."""
    norm = torch.linalg.vector_norm(points, dim=-1, keepdim=True).clamp(min=torch.finfo(points.dtype).eps)
    return torch.where(norm <= 1, points, (2 - 1 / norm) * points / norm)
