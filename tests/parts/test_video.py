"""Reading videos: the right frame, upright, at its time; and bad ones refused in words."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from models.parts.problems import BadInput
from models.parts.video import DEFAULT, open_video, probe
from tests.parts.videos import make_sound, make_video, number_of, numbered

FRAMES = [numbered(index) for index in range(36)]


def test_probe_tells_size_duration_frames_and_rate(tmp_path):
    info = probe(make_video(tmp_path / "a.mp4", FRAMES))
    assert (info.width, info.height, info.frames, info.rotation) == (48, 32, 36, 0)
    assert info.duration == pytest.approx(3.6)
    assert info.fps == pytest.approx(10)
    assert not info.variable_rate
    assert info.codec == "h264"
    assert info.plays_in_browser
    assert info.name == "a.mp4"


@pytest.mark.parametrize(
    ("name", "codec", "b_frames"),
    [
        ("b.mp4", "libx264", 2),
        ("plain.mp4", "libx264", 0),
        ("b.mkv", "libx264", 2),
        ("b.ts", "libx264", 2),
        ("v.webm", "libvpx-vp9", 0),
        ("m.avi", "mpeg4", 0),
        ("j.mov", "mjpeg", 0),
    ],
)
def test_every_frame_is_found_by_its_number_in_any_container(tmp_path, name, codec, b_frames):
    video = open_video(make_video(tmp_path / name, FRAMES, codec=codec, b_frames=b_frames))
    assert len(video) == 36
    for order in ([0, 35], [35, 3, 3, 17], [20], list(range(36)), [31, 32, 33]):
        assert [number_of(frame) for frame in video.read(order)] == order


def test_streaming_gives_each_frame_once_and_ascending(tmp_path):
    video = open_video(make_video(tmp_path / "a.mp4", FRAMES))
    assert [(index, number_of(frame)) for index, frame in video.each([30, 2, 30, 5])] == [(2, 2), (5, 5), (30, 30)]


def test_times_of_a_variable_rate_are_kept(tmp_path):
    times = [0.0, 0.1, 0.2, 1.2, 1.25, 4.0, 4.1]
    video = open_video(make_video(tmp_path / "v.mp4", FRAMES[:7], times=times))
    np.testing.assert_allclose(video.seconds, times, atol=1e-3)
    assert video.info.variable_rate
    np.testing.assert_array_equal(video.at([-1, 0, 0.15, 1.199, 1.2, 3.9, 4.0, 99]), [0, 0, 1, 2, 3, 4, 5, 6])
    assert [number_of(frame) for frame in video.read(video.at([3.9, 0.2]))] == [4, 2]


@pytest.mark.parametrize(("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))])
def test_a_turned_phone_video_comes_out_upright(tmp_path, rotation, corner):
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:12, :12] = 250
    video = open_video(make_video(tmp_path / "r.mp4", [stored] * 3, rotation=rotation))
    turned = rotation in (90, -90)
    assert (video.info.width, video.info.height) == ((32, 48) if turned else (48, 32))
    assert video.info.rotation == rotation % 360
    frame = video.read([1])[0]
    assert frame.shape[:2] == (video.info.height, video.info.width)
    row, column = (value if value == 0 else size - 1 for value, size in zip(corner, frame.shape[:2], strict=True))
    assert frame[row, column, 0] > 200
    assert np.delete([frame[0, 0, 0], frame[0, -1, 0], frame[-1, 0, 0], frame[-1, -1, 0]], 0).mean() < 120


def test_flat_pixels_come_out_square(tmp_path):
    video = open_video(make_video(tmp_path / "s.mp4", FRAMES[:3], aspect=Fraction(2, 1)))
    assert (video.info.width, video.info.height) == (96, 32)
    assert video.read([0]).shape == (1, 32, 96, 3)


def test_frames_can_be_scaled_down_while_reading(tmp_path):
    video = open_video(make_video(tmp_path / "a.mp4", FRAMES[:4]))
    assert video.read([1, 2], max_side=24).shape == (2, 16, 24, 3)
    assert number_of(video.read([3], max_side=24)[0]) == 3


def test_thumbnails_span_the_video(tmp_path):
    indices, pictures = open_video(make_video(tmp_path / "a.mp4", FRAMES)).thumbnails(4, height=16)
    np.testing.assert_array_equal(indices, [0, 12, 23, 35])
    assert pictures.shape == (4, 16, 24, 3)


def test_one_frame_is_a_video_unless_more_are_asked_for(tmp_path):
    path = make_video(tmp_path / "one.mp4", FRAMES[:1])
    assert open_video(path).read([0, 0]).shape == (2, 32, 48, 3)
    with pytest.raises(BadInput, match=r"one\.mp4 has 1 frame\. Choose a video with at least 2"):
        probe(path, replace(DEFAULT, min_frames=2))


def test_an_index_outside_the_video_is_an_error_of_the_caller(tmp_path):
    video = open_video(make_video(tmp_path / "a.mp4", FRAMES[:3]))
    with pytest.raises(IndexError, match="0 to 2"):
        video.read([3])


def test_a_right_video_with_a_wrong_name_is_read(tmp_path):
    path = make_video(tmp_path / "x.avi", FRAMES[:3], container_format="matroska")
    assert probe(path).frames == 3


def _text(path):
    path.write_text("this is not a video " * 50)


def _picture(path):
    Image.new("RGB", (64, 64)).save(path, format="PNG")


def _play_list(path):
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n")


def _half(path, front):
    # Noise, so that the frames and not the index make up the file.
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, (64, 64, 3), dtype=np.uint8) for _ in range(30)]
    make_video(path, frames, options={"movflags": "+faststart"} if front else {})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (_text, "is not a video, whatever its name says"),
        (_picture, "is a picture, not a video"),
        (_play_list, "is a play list"),
        (make_sound, "has sound only"),
        (lambda path: _half(path, front=False), "breaks off before its index"),
        (lambda path: _half(path, front=True), r"breaks off after \d+ of 30 frames"),
        (lambda path: None, "is no longer there"),
        (lambda path: path.mkdir(), "is no longer there"),
    ],
)
def test_what_is_no_whole_video_is_refused_by_name_with_a_remedy(tmp_path, make, says):
    path = tmp_path / "holiday.mp4"
    make(path)
    with pytest.raises(BadInput, match=says) as caught:
        open_video(path)
    assert caught.value.name == "holiday.mp4"
    assert caught.value.remedy
    assert str(tmp_path) not in str(caught.value)


def test_eight_k_is_refused_from_the_header(tmp_path):
    path = make_video(tmp_path / "big.mp4", [np.zeros((4320, 7680, 3), np.uint8)])
    with pytest.raises(BadInput, match=r"7680 x 4320 pixels \(33\.2 megapixels\)\. The limit is 9 megapixels"):
        probe(path)


def test_three_hours_are_refused_before_decoding(tmp_path):
    path = make_video(tmp_path / "long.mp4", FRAMES[:4], times=[0, 3600, 7200, 10800])
    with pytest.raises(BadInput, match=r"runs for 3\.0 hours\. The limit is 60 minutes"):
        probe(path)


def test_too_many_frames_and_too_many_pixels_in_all_are_refused(tmp_path):
    path = make_video(tmp_path / "a.mp4", FRAMES)
    with pytest.raises(BadInput, match="has 36 frames"):
        probe(path, replace(DEFAULT, max_frames=35))
    with pytest.raises(BadInput, match="too much to decode"):
        probe(path, replace(DEFAULT, max_total_pixels=36 * 48 * 32 - 1))


def test_more_memory_than_allowed_is_refused_before_decoding(tmp_path):
    video = open_video(make_video(tmp_path / "a.mp4", FRAMES[:2]))
    with pytest.raises(BadInput, match="Choose fewer frames"):
        video.read([0] * 400_000)


def test_damage_in_the_middle_never_hands_out_a_foreign_error(tmp_path):
    path = make_video(tmp_path / "d.mp4", FRAMES)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    for _ in range(12):
        spoiled = bytearray(data)
        for place in rng.integers(0, len(data), 40):
            spoiled[place] = int(rng.integers(256))
        path.write_bytes(spoiled)
        with suppress(BadInput):
            assert len(open_video(path).read([0, 20, 35])) == 3
