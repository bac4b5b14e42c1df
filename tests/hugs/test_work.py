"""A capture with its stages: what is kept, what is forgotten, corrections, propagation, scores, the file of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.hugs import sample
from models.hugs.colour_segments import colour_partition, colour_segments
from models.hugs.frame_warnings import warnings_of
from models.hugs.fusion_config import FusionConfig, suited_to
from models.hugs.pipeline_compare_types import CompareResult, Trained
from models.hugs.pipeline_work import WORK_SIDE, Work, at_size, residual_of, working_size
from models.hugs.propagate import match, spread
from models.hugs.proposals import COLOUR_NAME, Proposal, ProposalConfig, propose
from models.hugs.scores import scores_of
from models.parts.capture import Capture, Intrinsics, Keypoints, Structure, View
from models.parts.problems import BadInput
from models.runtime import JobContext

SIZE = (40, 60)
CAMERA = Intrinsics(120, 80, 100.0, 100.0, 60.0, 40.0)


def photo(shift: int) -> np.ndarray:
    """Grey with a red square that stands at x = 10 + shift and a blue bar that stays."""
    image = np.full((*SIZE, 3), 120, np.uint8)
    image[10:22, 10 + shift : 22 + shift] = (200, 30, 30)
    image[30:36, 5:55] = (30, 40, 200)
    return image


def work(frames: int = 3, truth: bool = True) -> Work:
    views = []
    for index in range(frames):
        static = np.ones(SIZE, bool)
        static[10:22, 10 + 2 * index : 22 + 2 * index] = False
        pose = np.eye(4)
        views.append(View(f"{index}.png", photo(2 * index), CAMERA, pose, static if truth else None))
    points = Keypoints(np.array([[30.0, 66.0], [100.0, 66.0]], np.float32), np.array([7, -1]))
    structure = Structure(
        {view.name: points for view in views},
        np.array([7]),
        np.zeros((1, 3)),
        np.zeros((1, 3), np.uint8),
        np.array([frames]),
    )
    made = Work(
        Capture("room", tuple(views), structure),
        fusion=FusionConfig(track_threshold=2, quantile=0.9, erode=0, smooth=0),
    )
    for view in views:
        made.take_proposal(view.name, Proposal(COLOUR_NAME, colour_segments(view.image)))
        # The field has learnt the scene without the square.
        empty = np.full((*SIZE, 3), 120, np.uint8)
        empty[30:36, 5:55] = (30, 40, 200)
        made.take_render(view.name, empty)
    return made


def test_the_moving_square_is_masked_and_the_rest_is_not() -> None:
    for view in work().capture.views:
        static = work().mask(view.name)
        assert view.truth is not None
        assert (static == view.truth).mean() > 0.95


def test_features_come_in_working_pixels_with_their_track_lengths() -> None:
    points, lengths = work().points("0.png")
    assert points.tolist() == [[15.0, 33.0], [50.0, 33.0]]
    assert lengths.tolist() == [3, 0]


def test_scores_of_the_fused_maps_beat_those_of_a_single_cue() -> None:
    scores = scores_of(work())
    assert set(scores) == {"residual", "sfm", "residual x segments", "fused"}
    assert scores["fused"].miou > max(scores["sfm"].miou, 0.8)
    assert scores_of(work(truth=False)) == {}


def test_a_new_setting_gives_new_maps_and_the_same_setting_the_kept_ones() -> None:
    made = work()
    first = made.fused("0.png")
    assert made.fused("0.png") is first
    made.fusion = FusionConfig(track_threshold=99, erode=0)
    assert made.fused("0.png") is not first
    assert made.fused("0.png").config.track_threshold == 99


def test_a_forced_segment_follows_the_user_until_it_is_given_back() -> None:
    made = work()
    segment = int(made.cues("0.png").segments[15, 15])
    before = made.mask("0.png")
    made.force("0.png", segment, True)
    assert made.mask("0.png")[15, 15]
    made.force("0.png", segment, None)
    assert np.array_equal(made.mask("0.png"), before)
    with pytest.raises(BadInput, match="names segment"):
        made.force("0.png", 10_000, True)


def test_new_segments_drop_the_frame_s_old_corrections_only() -> None:
    made = work()
    made.force("0.png", 0, False)
    made.force("1.png", 0, False)
    made.take_proposal("0.png", made.proposals["0.png"])
    assert set(made.forced) == {"1.png"}


def test_a_correction_is_carried_to_the_same_thing_in_the_next_frames() -> None:
    made = work()
    segment = int(made.cues("0.png").segments[15, 15])
    found = match(made.cues("0.png"), segment, made.cues("1.png"))
    assert found is not None
    assert found.segment == made.cues("1.png").segments[15, 17]
    made.force("0.png", segment, True)
    now, added = spread(made, "0.png", 2)
    assert added == 2
    assert now["2.png"] == {int(made.cues("2.png").segments[15, 20]): True}
    assert spread(made, "0.png", 1)[1] == 1


def test_a_segment_of_other_colours_elsewhere_is_no_match() -> None:
    made = work()
    other = work()
    other.capture = Capture("other", tuple(View(v.name, 255 - v.image) for v in other.capture.views))
    other._forget()
    segment = int(made.cues("0.png").segments[15, 15])
    assert match(made.cues("0.png"), segment, other.cues("0.png")) is None


def test_a_work_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    made = work()
    made.force("1.png", 0, False)
    kept = sample.Sample(made, ((1, 0.5), (2, 0.25)), "0.png", {2: photo(0)})
    sample.save(kept, tmp_path / "room.work.zip")
    back = sample.load(tmp_path / "room.work.zip")
    assert back.work.names == made.names
    assert back.work.fusion == made.fusion
    assert back.work.forced == {"1.png": {0: False}}
    assert back.losses == kept.losses
    for name in made.names:
        assert np.array_equal(back.work.mask(name), made.mask(name))
        assert np.array_equal(back.work.capture.view(name).image, made.capture.view(name).image)
    assert back.looks[2].shape == photo(0).shape


def test_what_is_added_to_a_work_leaves_the_rest_to_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "room.work.zip"
    sample.save(sample.Sample(work()), file, exact=False)
    picture = np.zeros((12, 16, 3), np.uint8)
    result = CompareResult((Trained("none", 20.0, 0.5, {"h.png": picture}, (picture,)),), 7, 0)
    before = sample.load(file)
    sample.add_extras(file, sample.compare_extras(result))
    after = sample.load(file)
    assert np.array_equal(after.work.capture.views[0].image, before.work.capture.views[0].image)
    found = sample.comparison(after)
    assert found is not None
    assert (found.steps, found.trained[0].psnr, list(found.trained[0].held_out)) == (7, 20.0, ["h.png"])
    assert sample.comparison(before) is None


def test_a_damaged_work_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(BadInput, match="broken"):
        sample.load(tmp_path / "broken.zip")


def test_the_shipped_sample_is_small_and_its_fused_maps_beat_each_single_cue() -> None:
    assert sample.FILE.stat().st_size <= 3_000_000
    opened = sample.load()
    scores = scores_of(opened.work)
    fused = scores.pop("fused").miou
    assert all(fused > single.miou for single in scores.values())


def test_large_photos_are_worked_on_small_and_masked_at_their_own_size() -> None:
    image = np.zeros((1000, 2000, 3), np.uint8)
    made = Work(Capture("large", (View("a.png", image),)))
    assert made.frame("a.png").shape == (256, WORK_SIDE, 3) == (*working_size(image.shape[:2]), 3)
    assert made.mask("a.png").shape == (1000, 2000)
    assert at_size(np.ones((2, 3), bool), (4, 6)).all()


def test_a_smaller_picture_of_the_field_is_compared_at_its_own_size() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[::2] = 255
    assert residual_of(image, np.full((16, 16, 3), 128, np.uint8)).values.max() < 0.01


def test_a_name_that_is_no_photo_is_refused() -> None:
    with pytest.raises(BadInput, match="not a photo"):
        work().frame("x.png")


def test_suspicious_frames_are_named() -> None:
    made = work()
    made.fusion = FusionConfig(track_threshold=99, quantile=0.0, vote=1.0)
    keys = {one.key for one in warnings_of(made.cues("0.png"), made.fused("0.png"))}
    assert "none" in keys
    made.forced = {"0.png": dict.fromkeys(range(int(made.cues("0.png").segments.max()) + 1), False)}
    assert "masked" in {one.key for one in warnings_of(made.cues("0.png"), made.fused("0.png"))}


def test_something_tracked_that_the_field_cannot_explain_is_suspected_to_stand_still() -> None:
    made = work()
    made.capture.structure.keypoints["0.png"].xy[0] = (30.0, 30.0)  # type: ignore[union-attr]
    made.fusion = FusionConfig(track_threshold=2, quantile=0.5)
    assert "still" in {one.key for one in warnings_of(made.cues("0.png"), made.fused("0.png"))}


def test_settings_to_begin_with_follow_the_capture() -> None:
    assert suited_to(36, 192).track_threshold == 4
    assert suited_to(200, 1024).erode == 5
    assert suited_to(3, 100).track_threshold == 2


class Stub:
    """A segmenter with one region; at points it answers with that region, sure of it in the first alternative."""

    name = "stub"

    def __init__(self, region: np.ndarray | None) -> None:
        self.region = region

    def regions(self, context: JobContext, image: np.ndarray) -> np.ndarray:
        return np.zeros((0, *SIZE), bool) if self.region is None else self.region[None]

    def at_points(self, context, image, points):  # type: ignore[no-untyped-def]
        assert self.region is not None
        logits = np.where(self.region, 9.0, -9.0).astype(np.float32)
        yield np.stack([np.stack([logits] * 3)] * len(points)), np.tile([0.95, 0.5, 0.5], (len(points), 1))


def region() -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[28:38] = True
    return mask


def test_a_segmenter_s_regions_become_segments_and_the_rest_splits_by_colour() -> None:
    made = work()
    points, lengths = made.points("0.png")
    found = propose(JobContext(), photo(0), points, lengths, Stub(region()))
    assert found.name == "stub"
    inside = found.segments[region()]
    assert len(np.unique(inside)) == 1
    assert found.segments[15, 15] != found.segments[2, 2]
    joined = propose(JobContext(), photo(0), points, lengths, Stub(region()), ProposalConfig(split_rest=False))
    assert joined.count in (2, 3)
    assert joined.segments[15, 15] == joined.segments[2, 2]


def test_masks_asked_at_features_make_the_feature_cue() -> None:
    made = work()
    points, lengths = made.points("0.png")
    found = propose(JobContext(), photo(0), points, lengths, Stub(region()), ProposalConfig(prompt_features=True))
    made.take_proposal("0.png", found)
    assert np.array_equal(made.fused("0.png", FusionConfig(track_threshold=2, gap=0)).sfm, region())


def test_a_segmenter_that_finds_nothing_gives_way_to_colours_and_says_so() -> None:
    found = propose(JobContext(), photo(0), np.zeros((0, 2)), np.zeros(0, np.int64), Stub(None))
    assert found.name.startswith(COLOUR_NAME)
    assert "stub" in found.name


def test_colour_segments_keep_things_of_other_colours_apart() -> None:
    segments = colour_segments(photo(0))
    assert len({int(segments[15, 15]), int(segments[33, 30]), int(segments[2, 2])}) == 3
    assert np.array_equal(np.unique(segments), np.arange(segments.max() + 1))
    whole = colour_partition(np.ones((1, *SIZE), bool), photo(0))
    assert whole.max() == 0


def test_what_no_mask_covers_is_split_by_colour() -> None:
    image = np.zeros((30, 30, 3), np.uint8)
    image[:, 15:] = 255
    mask = np.zeros((1, 30, 30), bool)
    mask[0, :10, :10] = True
    segments = colour_partition(mask, image)
    assert len(np.unique(segments[:10, :10])) == 1
    assert segments[0, 0] != segments[20, 5] != segments[20, 20]
