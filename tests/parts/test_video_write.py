"""Writing videos a browser plays."""

from __future__ import annotations

import numpy as np
import pytest

from models.parts.video import open_video
from models.parts.video_write import for_browser, write_video
from tests.parts.videos import make_video, number_of, numbered


def test_written_frames_come_back_at_their_times(tmp_path):
    path = write_video(tmp_path / "out.mp4", (numbered(index) for index in range(9)), fps=12, quality=8)
    video = open_video(path)
    assert video.info.plays_in_browser
    assert video.info.fps == pytest.approx(12, rel=1e-3)
    assert [number_of(frame) for frame in video.read(range(9))] == list(range(9))


def test_the_index_stands_before_the_pictures(tmp_path):
    data = write_video(tmp_path / "out.mp4", [numbered(1)] * 3).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_are_padded_not_refused(tmp_path):
    video = open_video(write_video(tmp_path / "odd.mp4", [np.full((33, 47, 3), 90, np.uint8)] * 2))
    assert (video.info.width, video.info.height) == (48, 34)
    assert abs(float(video.read([0]).mean()) - 90) < 3


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [np.zeros((32, 32), np.uint8)],
        [np.zeros((32, 32, 3), np.float32)],
        [np.zeros((32, 32, 3), np.uint8), np.zeros((32, 34, 3), np.uint8)],
    ],
)
def test_wrong_frames_are_refused_and_leave_no_file(tmp_path, frames):
    with pytest.raises(ValueError, match="frame"):
        write_video(tmp_path / "out.mp4", frames)
    assert list(tmp_path.iterdir()) == []


def test_for_the_browser_keeps_times_turns_and_scales(tmp_path):
    times = [0.0, 0.1, 0.5, 0.6, 2.0]
    source = make_video(
        tmp_path / "in.avi",
        [numbered(4 * index, 64, 32) for index in range(5)],
        times=times,
        container_format="matroska",
        rotation=180,
    )
    video = open_video(source)
    assert not video.info.plays_in_browser
    again = open_video(for_browser(video, tmp_path / "out.mp4", max_side=32, quality=8))
    assert again.info.plays_in_browser
    assert (again.info.width, again.info.height, again.info.rotation) == (32, 16, 0)
    np.testing.assert_allclose(again.seconds, times, atol=2e-3)
    # Encoded twice: the grey level may be off by a little, not by a frame.
    numbers = [number_of(frame[:, ::-1]) for frame in again.read(range(5))]
    np.testing.assert_allclose(numbers, [0, 4, 8, 12, 16], atol=1)


def test_equal_frames_give_equal_files_whatever_lies_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    frames = [np.kron(rng.integers(0, 255, (24, 24, 3)), np.ones((5, 5, 1))).astype(np.uint8) for _ in range(4)]
    files = []
    for trial in range(6):
        clutter = [rng.integers(0, 255, 400_000, dtype=np.uint8) for _ in range(trial)]
        files.append(write_video(tmp_path / f"{trial}.mp4", frames).read_bytes())
        del clutter
    assert len(set(files)) == 1
