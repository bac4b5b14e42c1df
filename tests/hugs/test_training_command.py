"""``train hugs``: a tiny run on a posed project, masks by name, the training frame, plain sentences for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.hugs import training_command
from models.hugs.training import main
from models.parts.capture import Capture
from models.parts.problems import BadInput
from tests.hugs.box_room import box_room


@pytest.fixture(scope="module")
def capture() -> Capture:
    return box_room(0, side=48, frames=5, clean=1)


@pytest.fixture
def project(capture: Capture, tmp_path: Path) -> Path:
    frames = []
    (tmp_path / "masks").mkdir()
    for view in capture.views:
        assert view.intrinsics is not None
        assert view.camera_to_world is not None
        assert view.truth is not None
        cv2.imwrite(str(tmp_path / view.name), view.image[..., ::-1])
        cv2.imwrite(str(tmp_path / "masks" / view.name), view.truth.astype(np.uint8) * 255)
        frames.append({"file_path": view.name, "transform_matrix": view.camera_to_world.tolist()})
    camera = capture.views[0].intrinsics
    assert camera is not None
    head = {"fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx, "cy": camera.cy, "w": 48, "h": 48}
    (tmp_path / "transforms.json").write_text(json.dumps(head | {"frames": frames}))
    return tmp_path


def test_a_quick_run_trains_and_writes_weights(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = project / "out" / "weights.safetensors"
    words = ["--quick", "--folder", str(project), "--masks", str(project / "masks"), "--iterations", "2"]
    assert main([*words, "--device", "cpu", "--out", str(out)]) == 0
    assert out.exists()
    assert "step 2 of 2" in capsys.readouterr().err


def test_bad_input_is_a_sentence(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "masks" / "002.png").unlink()
    assert main(["--quick", "--folder", str(project), "--masks", str(project / "masks"), "--device", "cpu"]) == 1
    assert "002.png has no static map" in capsys.readouterr().err


def test_masks_keep_their_polarity_and_take_the_photo_size(project: Path, capture: Capture) -> None:
    masks = training_command.read_masks(capture.views, project / "masks")
    for view in capture.views:
        np.testing.assert_array_equal(masks[view.name], view.truth)
    with pytest.raises(BadInput, match="no static map"):
        training_command.read_masks(capture.views, project / "absent")


def test_the_training_frame_has_its_cameras_within_one(capture: Capture) -> None:
    moved = training_command.into_training_frame(capture, contracted=True)
    eyes = np.array([view.camera_to_world[:3, 3] for view in moved.views if view.camera_to_world is not None])
    assert np.abs(eyes).max() == pytest.approx(1)
    assert training_command.into_training_frame(capture, contracted=False) is capture
