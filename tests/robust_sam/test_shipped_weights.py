"""The weights that ship answer visibly right on well-known photos; the report card says how right elsewhere."""

from __future__ import annotations

import pytest

from models.robust_sam import METHOD, official, real_photos
from models.robust_sam.decoder import Branch
from models.robust_sam.pipeline import iou, weights_file
from models.robust_sam.protocol import Subject, random_points, true_box

OBJECTS = (
    ("astronaut", "astronaut, whole person without the helmet", 0.6),
    ("chelsea", "cat, everything of it in the photo", 0.6),
    ("coffee", "cup, saucer and spoon together", 0.75),
)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject(official.load(weights_file(), "cpu"))


@pytest.mark.parametrize("branch", ["sam", "robust"])
def test_known_objects_are_found_by_a_box_or_by_three_points(subject: Subject, branch: Branch) -> None:
    objects = {(found.photo, found.name): found for found in real_photos.load()}
    for photo, name, least in OBJECTS:
        found = objects[photo, name]
        subject.look(found.image)
        by_box = iou(subject.ask([true_box(found.mask)])[branch].masks[0], found.mask)
        by_points = iou(subject.ask([random_points(found.mask, found.name)])[branch].masks[0], found.mask)
        assert max(by_box, by_points) >= least, f"{name}: {by_box:.2f} by a box, {by_points:.2f} by points"


def test_every_embedded_file_is_light_and_present() -> None:
    files = list(METHOD.weights_folder.glob("*.safetensors"))
    assert weights_file() in files
    assert sum(file.stat().st_size for file in files) <= 16 * 2**20
