"""The segmenter that other rooms are handed: sizes, weights in the caller's cache, the answers of the pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from models import registry
from models.robust_sam import pipeline, proposals
from models.runtime import JobContext


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    picture = np.full((120, 160, 3), 90, np.uint8)
    picture[30:90, 40:100] = (220, 40, 40)
    return picture


def test_it_is_found_under_its_offer() -> None:
    assert isinstance(registry.offered("segments"), proposals.Segmenter)
    with pytest.raises(LookupError, match="no method offers 'songs'"):
        registry.offered("songs")


def test_regions_are_masks_of_the_photos_size_and_cover_the_square(photo: np.ndarray) -> None:
    masks = proposals.segmenter().regions(JobContext(), photo)
    assert masks.dtype == bool
    assert masks.shape[1:] == (120, 160)
    truth = np.zeros((120, 160), bool)
    truth[30:90, 40:100] = True
    assert max(pipeline.iou(mask, truth) for mask in masks) > 0.8


def test_a_point_gives_what_the_pipeline_gives_for_it(photo: np.ndarray) -> None:
    context = JobContext()
    points = np.array([[70.0, 60.0], [10.0, 10.0], [60.0, 40.0]])
    ((logits, iou),) = proposals.segmenter().at_points(context, photo, points)
    assert logits.shape == (3, 3, 120, 160)
    assert iou.shape == (3, 3)
    spec = pipeline.model_resource()
    with context.resource(spec) as model:
        features = pipeline.embed_image(context, model, photo)
        raw = pipeline.predict(model, features, points[:, None], np.ones((3, 1)))["sam"]
    np.testing.assert_allclose(iou, raw.iou[:, 1:4].numpy(), atol=2e-4)
    assert list(proposals.segmenter().at_points(context, photo, points[:0])) == []
