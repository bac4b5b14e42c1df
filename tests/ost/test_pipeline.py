"""Recognition of a clip: what the answer holds, what is computed again, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.ost.descriptors import ClassList
from models.ost.features import FrameStore
from models.ost.frames import (
    ArraySource,
    Preparation,
    VideoSource,
    cropped,
    preparation,
    resized_size,
    views,
)
from models.ost.network import HeadConfig, name_logits, unit
from models.ost.pipeline import Options, Recognition, recognise, recognise_job
from models.ost.solver import NoPlan, SolverConfig
from models.ost.text_bank import Sentences
from models.parts.clip import OST_MINI, VIT_B_16
from models.parts.clip_tokens import tokenise
from models.parts.problems import BadInput
from models.parts.video import open_video
from models.parts.video_sampling import evaluation_indices
from models.runtime import JobContext, Runtime, RuntimeConfig
from tests.ost.models import TINY, classes, clip, tiny_recogniser, tokeniser, weights_folder
from tests.parts.videos import make_video, numbered

NAMES = classes("run", "sit", "wave")
FOUR = Options(frames=4)


def answer(options: Options = FOUR, given: ClassList = NAMES, context: JobContext | None = None) -> Recognition:
    return recognise(context or JobContext(), tiny_recogniser(), source=clip(), classes=given, options=options)


def test_parts_add_up_to_the_logits_and_shares_to_one() -> None:
    found = answer()
    assert np.allclose(sum(found.parts.values()), found.scores["ost"].logits)
    for scores in found.scores.values():
        assert scores.shares.sum() == pytest.approx(1)
    assert found.spatial.plan.shape == found.temporal.similarity.shape == (3, 4, 2)
    assert found.spatial.weight.mean() == pytest.approx(1)
    assert np.allclose(found.seconds, found.indices / 4)
    assert [name for name, _ in found.top(count=2)] == [
        NAMES.names[place] for place in np.argsort(-found.scores["ost"].shares)[:2]
    ]


def test_the_answer_equals_the_formula_written_out() -> None:
    recogniser, source = tiny_recogniser(), clip()
    found = answer()
    frames = np.stack([cropped(source.frames[place], preparation(TINY)) for place in found.indices])
    mean, deviation = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    pixels = torch.from_numpy(((frames - mean) / deviation).astype(np.float32)).permute(0, 3, 1, 2)
    sentences = Sentences.of(NAMES)
    with torch.no_grad():
        features = unit(recogniser.model.encode_image(pixels).double())
        named, spatial = (
            unit(recogniser.model.encode_text(torch.from_numpy(tokenise(texts, tokeniser(), 24).ids)).double())
            for texts in (sentences.named, sentences.spatial)
        )
        scale = float(recogniser.model.scale)
        assert np.allclose(name_logits(features[None], named, scale)[0], found.scores["name"].logits, atol=1e-4)
    similarity = torch.einsum("td,and->atn", features, spatial.view(3, 2, -1))
    assert np.allclose(similarity, found.spatial.similarity, atol=1e-5)
    transported = 0.5 * scale * (found.spatial.plan * found.spatial.similarity).sum(axis=(1, 2))
    assert np.allclose(transported, found.parts["ot_spatial"], atol=1e-6)


def test_other_classes_cost_no_frame_again_and_a_second_click_costs_nothing() -> None:
    context = JobContext()
    first = answer(context=context)
    assert (first.fresh_frames, first.fresh_texts) == (4, 3 * 6)
    second = answer(given=classes("run", "swim"), context=context)
    assert (second.fresh_frames, second.fresh_texts) == (0, 6)
    third = answer(given=classes("run", "swim"), context=context)
    assert (third.fresh_frames, third.fresh_texts) == (0, 0)
    assert np.array_equal(second.scores["ost"].logits, third.scores["ost"].logits)


def test_an_edited_descriptor_changes_its_own_class_alone_but_for_the_rule_that_stops() -> None:
    fixed = HeadConfig(SolverConfig(iterations=30, stop=1e-12))
    before = answer(Options(frames=4, head=fixed))
    edited = NAMES.replaced("sit", classes("sit", mark=" indeed").classes[0])
    after = answer(Options(frames=4, head=fixed), edited)
    moved = np.abs(before.scores["ost"].logits - after.scores["ost"].logits)
    assert moved[[0, 2]].max() < 1e-9
    assert moved[1] > 1e-6


def test_shuffled_frames_change_no_score() -> None:
    assert answer(Options(frames=8, shuffle_seed=3)).shuffle_difference < 1e-9
    assert answer().shuffle_difference is None


@pytest.mark.parametrize(
    "head",
    [HeadConfig(pool=False), HeadConfig(transport=False), HeadConfig(SolverConfig(eps=0.01, marginals="similarity"))],
)
def test_ablations_keep_the_sum_of_parts(head: HeadConfig) -> None:
    found = answer(Options(frames=4, head=head))
    assert np.allclose(sum(found.parts.values()), found.scores["ost"].logits)
    if not head.transport:
        assert np.allclose(found.scores["ost"].logits, found.scores["mean_pooled"].logits)


def test_more_views_look_at_more_crops_and_clips_and_average_their_shares() -> None:
    assert [len(views(count)) for count in (1, 3, 12)] == [1, 3, 12]
    found = answer(Options(frames=4, views=12))
    assert found.fresh_frames > 12
    assert found.scores["ost"].shares.sum() == pytest.approx(1)
    four = {tuple(evaluation_indices(160, 4, place, 4)) for place in range(4)}
    assert len(four) == 4


def test_a_clip_unlike_the_training_is_said() -> None:
    known = [
        recognise(JobContext(), tiny_recogniser(0, least), source=clip(), classes=NAMES).familiar
        for least in (None, -1.0, 1.0)
    ]
    assert known == [None, True, False]


def test_the_answer_is_plain_json() -> None:
    content = json.loads(json.dumps(answer(Options(frames=4, shuffle_seed=1)).as_dict()))
    assert [row["name"] for row in content["classes"]] == ["run", "sit", "wave"]
    assert set(content["classes"][0]["scores"]) == {"ost", "mean_pooled", "name", "bare_name"}
    assert np.shape(content["classes"][0]["plan_spatial"]) == (4, 2)
    assert content["options"]["head"]["solver"]["eps"] == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(frames=0), "frames"),
        (Options(frames=999), "frames"),
        (Options(views=2), "views"),
        (Options(head=HeadConfig(transport=False, pool=False)), "no part left"),
        (Options(head=HeadConfig(SolverConfig(eps=-1))), "Epsilon"),
        (Options(statistics="pixels"), "statistics"),  # type: ignore[arg-type]
    ],
)
def test_options_that_cannot_be_used_are_refused(options: Options, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        answer(options)


def test_an_epsilon_too_small_is_said_with_its_remedy() -> None:
    with pytest.raises(NoPlan, match="Raise epsilon"):
        answer(Options(frames=4, head=HeadConfig(SolverConfig(eps=1e-6))))


def test_one_frame_and_four_hundred_classes_pass() -> None:
    found = recognise(
        JobContext(),
        tiny_recogniser(),
        source=clip(1),
        classes=classes(*(f"action {place}" for place in range(400)), count=1),
        options=Options(frames=8),
    )
    assert found.indices.tolist() == [0] * 8
    assert len(found.scores["ost"].shares) == 400


@pytest.mark.parametrize(("shape", "kind"), [((0, 4, 4, 3), "uint8"), ((2, 4, 4), "uint8"), ((2, 4, 4, 3), "float64")])
def test_what_is_no_clip_is_refused(shape: tuple[int, ...], kind: str) -> None:
    with pytest.raises(BadInput, match="clip"):
        ArraySource(np.zeros(shape, kind))


def test_sizes_follow_the_authors_rule_and_crops_lie_where_they_are_called() -> None:
    assert preparation(VIT_B_16) == Preparation(224, 256)
    assert preparation(OST_MINI).area
    assert resized_size(60, 90, 256) == (256, 384)
    frame = np.zeros((10, 30, 3), np.uint8)
    frame[:, :10], frame[:, 20:] = 50, 200
    prepared = Preparation(10, 10)
    assert [int(cropped(frame, prepared, crop)[5, 5, 0]) for crop in ("first", "middle", "last")] == [50, 0, 200]


def test_a_file_gives_the_frames_of_its_pixels(tmp_path: Path) -> None:
    source = VideoSource(open_video(make_video(tmp_path / "a.mp4", [numbered(place) for place in range(12)])))
    found, fresh = FrameStore().features(tiny_recogniser().model, source, [3, 3, 0], preparation(TINY))
    assert (found.shape, fresh) == ((3, 16), 2)
    assert np.array_equal(found[0], found[1])
    assert source.digest == VideoSource(open_video(source.video.path)).digest


def test_a_job_runs_in_the_runtime(tmp_path: Path) -> None:
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    try:
        job = recognise_job("me", clip(), NAMES, Options(frames=4), str(weights_folder(tmp_path)))
        found = runtime.submit(job).result()
        assert found.classes == NAMES
        again = runtime.submit(replace(job, arguments=dict(job.arguments) | {"classes": classes("fly")})).result()
        assert (again.fresh_frames, again.fresh_texts) == (0, 6)
    finally:
        runtime.close()
    with pytest.raises(BadInput, match="empty"):
        recognise_job("me", clip(), ClassList(()), Options(), str(tmp_path / "mini.safetensors"))
