"""The colour residual for a field that is coarser than its photos: what blur or a shift of a pixel explains is no sign.

The paper's residual of a small voxel field is largest at every edge of the scene, because the field is blurred there.
Here both pictures are blurred alike and only what lies outside the photo's own range around a pixel counts.
models.hugs.cues keeps the paper's form, and ``launch.py evaluate hugs`` measures both: miou_hugs and miou_hugs_plain.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.hugs.cues import Residual, as_float

BLUR = 1.0
"""Standard deviation in pixels of the picture."""
WINDOW = 3
"""Side in pixels of the neighbourhood whose range is allowed."""


def tolerant_residual(photo: npt.NDArray[np.generic], render: npt.NDArray[np.generic]) -> Residual:
    """photo, render: (H, W, 3) of one size, uint8 or floats in 0..1 -> mean over RGB of how far the render lies outside
    the photo's range around each pixel, both blurred. Never more than the plain residual of the blurred pictures.
    """
    near = np.ones((WINDOW, WINDOW), np.uint8)
    wanted, got = (cv2.GaussianBlur(as_float(picture), (0, 0), BLUR) for picture in (photo, render))
    above, below = got - cv2.dilate(wanted, near), cv2.erode(wanted, near) - got
    outside = np.maximum(np.maximum(above, below), 0)
    return Residual(np.asarray(outside.mean(axis=-1), np.float32))
