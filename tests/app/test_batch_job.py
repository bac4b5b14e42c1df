"""The job of one photo with the shipped weights: the same masks as one by one, and everything mode's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.robust_sam import batch_job, pipeline
from models.robust_sam.batch import Stop, run_batch
from models.robust_sam.batch_prompts import ObjectPrompt
from models.robust_sam.batch_types import Settings, Source
from models.robust_sam.everything_config import EverythingConfig
from models.robust_sam.everything_masks import Segment, runs_of
from models.robust_sam.everything_result import Everything
from models.robust_sam.pipeline import BadPrompt, Prompts
from models.runtime import Runtime, RuntimeConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    journal = tmp_path_factory.mktemp("runtime") / "journal.sqlite"
    with Runtime(RuntimeConfig(devices=("cpu",), journal=journal)) as made:
        yield made


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    image = np.full((90, 160, 3), 120, np.uint8)
    image[20:60, 30:90] = (200, 30, 30)
    image[30:80, 110:150] = (30, 60, 200)
    return image


BOXES = [ObjectPrompt("a", box=(28, 18, 92, 62)), ObjectPrompt("b", box=(108, 28, 152, 82))] * 3
POINTS = ObjectPrompt("c", points=((60.0, 40.0), (130.0, 50.0)), adds=(1, 0))


@pytest.mark.parametrize("branch", ["sam", "robust"])
def test_boxes_and_points_at_once_are_the_same_as_one_by_one(runtime: Runtime, photo: np.ndarray, branch) -> None:
    prompts = [*BOXES[:3], POINTS, *BOXES[3:]]
    job = batch_job.image_job(photo, "digest", prompts, Settings("me", branch))
    found = batch_job.found(runtime.submit(job).result())
    assert [thing.label for thing in found] == ["a", "b", "a", "c", "b", "a", "b"]
    for prompt, thing in zip(prompts, found, strict=True):
        single = pipeline.segment_job("me", photo, "digest", Prompts(prompt.points, prompt.adds, prompt.box))
        alone = getattr(runtime.submit(single).result(), branch)
        assert (thing.held.mask != alone.mask).mean() < 1e-3
        assert thing.confidence == pytest.approx(alone.confidence, abs=1e-3)
        assert thing.area == thing.held.mask.sum()


def test_everything_is_one_job_of_everything_mode(runtime: Runtime, photo: np.ndarray) -> None:
    job = batch_job.image_job(photo, "digest", (), Settings("me", "robust", "everything", points_per_side=8))
    result = runtime.submit(job).result()
    assert result.config.points_per_side == 8
    assert result.branch == "robust"
    assert len(batch_job.found(result)) == len(result.segments)


def test_segments_of_everything_mode_become_objects_with_masks() -> None:
    mask = np.zeros((30, 40), bool)
    mask[5:12, 8:20] = True
    window = (8, 5, 20, 12)
    segment = Segment(
        window, runs_of(mask[5:12, 8:20]), (30, 40), 84, (8, 5, 12, 7), 0.9, 0.95, (10, 6), (0, 0, 40, 30), 0
    )
    (thing,) = batch_job.found(Everything((30, 40), "robust", (segment,), EverythingConfig(), 1.0))
    assert (thing.label, thing.confidence, thing.area) == ("", 0.9, 84)
    assert np.array_equal(thing.held.mask, mask)


def test_bad_prompt_names_the_object_before_anything_is_queued(photo: np.ndarray) -> None:
    with pytest.raises(BadPrompt, match="object 2: box"):
        batch_job.image_job(photo, "digest", [BOXES[0], ObjectPrompt("", box=(500, 0, 600, 9))], Settings("me"))


def test_batch_over_the_runtime_goes_on_after_a_photo_that_fails(runtime: Runtime, photo: np.ndarray) -> None:
    def gone() -> np.ndarray:
        raise FileNotFoundError(2, "No such file", str(Path("/secret/place")))

    sources = [Source("a", lambda: photo), Source("b", gone), Source("c", lambda: photo)]
    done = list(run_batch(runtime, sources, dict.fromkeys("abc", BOXES[:1]), Settings("me"), Stop()))
    assert [item.error for item in done] == [
        "",
        "The file is gone or cannot be read. Put it back and run the batch again.",
        "",
    ]
    assert done[0].receipt["method"] == "robust_sam"
    assert done[0].milliseconds > 0
