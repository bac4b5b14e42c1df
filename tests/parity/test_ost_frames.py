"""Frame sampling against indices recorded from the authors' sampler."""

from __future__ import annotations

import re

import numpy as np

from models.parts.video_sampling import evaluation_indices
from tests.parity.recorded import Recorded


def test_evaluation_frames_equal_the_recorded_ones():
    cases = Recorded.open("ost", "ost_frame_indices.json").json()
    assert cases
    for key, recorded in cases.items():
        segments, frames = (int(number) for number in re.fullmatch(r"T(\d+)_n(\d+)", key).groups())
        np.testing.assert_array_equal(evaluation_indices(frames, segments), recorded, err_msg=key)
