"""Frames far apart in a file whose key frames lie far apart: the demuxer may land before the one asked for."""

from __future__ import annotations

from pathlib import Path

from models.parts.video import open_video
from tests.parts.videos import make_video, number_of, numbered


def test_frames_behind_distant_key_frames_are_found(tmp_path: Path) -> None:
    frames = [numbered(place % 40) for place in range(130)]
    path = make_video(tmp_path / "far.mp4", frames, times=[place / 25 for place in range(130)], gop=50)
    wanted = [11, 58, 105, 129]
    found = open_video(path).read(wanted)
    assert [number_of(frame) for frame in found] == [place % 40 for place in wanted]
