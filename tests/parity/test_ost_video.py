"""Frame sampling and preprocessing against recorded numbers."""

from __future__ import annotations

import re

import numpy as np

from models.ost.frames import Preparation, cropped, normalised, resized_size
from models.parts.video_sampling import evaluation_indices
from tests.parity.recorded import Recorded


def test_sampled_frames_equal_the_recorded_ones() -> None:
    file = Recorded.open("ost", "ost_frame_indices.json")
    for key, wanted in file.json().items():
        found = re.fullmatch(r"T(\d+)_n(\d+)", key)
        assert found is not None
        segments, frames = int(found[1]), int(found[2])
        assert evaluation_indices(frames, segments).tolist() == wanted, key
        assert evaluation_indices(frames, segments, 0, 1).tolist() == wanted, key


def test_preprocessed_frames_equal_the_recorded_ones() -> None:
    file = Recorded.open("ost", "ost_preprocess.npz")
    arrays, entry = file.arrays(), file.entry
    prepared = Preparation(entry["crop"], entry["short_side"])
    for name in entry["images"]:
        image = arrays[f"{name}_in"]
        height, width = resized_size(*image.shape[:2], prepared.short)
        offsets = [(side - prepared.side) // 2 for side in (height, width)]
        file.check(f"{name}_size", np.array([height, width, *offsets]), arrays[f"{name}_size"])
        crop = normalised(cropped(image, prepared)[None])[0].numpy()
        file.check(f"{name}_out_every8", crop[:, :: entry["stride"], :: entry["stride"]], arrays[f"{name}_out_every8"])
        file.check(f"{name}_mean", crop.mean(axis=(1, 2)), arrays[f"{name}_mean"])
