"""The search around the network, with a stand-in that sees plain colours: coordinates, crops, thin and small things."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from models.robust_sam import pipeline
from models.robust_sam.everything import EverythingConfig
from models.robust_sam.everything_decode import Attended
from models.robust_sam.everything_result import Everything
from models.robust_sam.everything_search import Search, crops_of
from models.robust_sam.frames import resized_size
from models.robust_sam.network import CONFIGS
from models.runtime import JobContext

NANO: Any = SimpleNamespace(config=CONFIGS["nano"])
CONFIG = EverythingConfig(
    points_per_side=8, candidates="single", iou_threshold=0.5, stability_threshold=0.5, min_area=4
)


class Colours:
    """Answers a point with its connected area of one colour, as low-resolution logits of a crop."""

    def __init__(self, crop: np.ndarray) -> None:
        self.crop, self.side, self.low = crop, NANO.config.image_size, NANO.config.low_resolution

    def attend(self, points: np.ndarray) -> Attended:
        tokens = torch.from_numpy(points)[:, None].repeat(1, 4, 1)
        return Attended(tokens, torch.zeros(len(points), 1, 1), torch.full((len(points), 4), 0.9))

    def masks(self, attended: Attended, chosen: slice) -> torch.Tensor:
        return torch.stack([self._logits(x, y) for x, y in attended.tokens[:, 0].tolist()])[:, None]

    def _logits(self, x: float, y: float) -> torch.Tensor:
        height, width = self.crop.shape[:2]
        flood = np.zeros((height + 2, width + 2), np.uint8)
        cv2.floodFill(self.crop.copy(), flood, (int(x), int(y)), 0, flags=4 | cv2.FLOODFILL_MASK_ONLY | (255 << 8))
        area = flood[1:-1, 1:-1] / 255.0
        rows, columns = resized_size((height, width), self.side)
        square = np.zeros((self.side, self.side))
        square[:rows, :columns] = cv2.resize(area, (columns, rows), interpolation=cv2.INTER_AREA)
        small = cv2.resize(square, (self.low, self.low), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(16 * small - 8).float()


def search(image: np.ndarray, config: EverythingConfig) -> Everything:
    run = Search(JobContext(), NANO, image, "sam", config)
    for (x0, y0, x1, y1), layer in run.crops:
        crop = Colours(np.ascontiguousarray(image[y0:y1, x0:x1]))
        list(run.crop(crop, (x0, y0, x1, y1), layer))  # type: ignore[arg-type]
    return run.result(0.0)


def picture(size: tuple[int, int], *boxes: tuple[int, int, int, int]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Boxes x0, y0, x1, y1 of different greys on black, and their masks."""
    image, masks = np.zeros((*size, 3), np.uint8), []
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        image[y0:y1, x0:x1] = 60 + 30 * index
        mask = np.zeros(size, bool)
        mask[y0:y1, x0:x1] = True
        masks.append(mask)
    return image, masks


def best(found: Everything, mask: np.ndarray) -> float:
    return max((pipeline.iou(s.mask, mask) for s in found.segments), default=0.0)


@pytest.mark.parametrize("size", [(300, 400), (400, 300), (96, 128)])
def test_objects_are_found_where_they_are_at_any_size(size: tuple[int, int]) -> None:
    height, width = size
    boxes = ((width // 8, height // 8, width // 2, height // 2), (width // 2, height // 2, width - 9, height - 5))
    image, masks = picture(size, *boxes)
    found = search(image, CONFIG)
    assert [best(found, mask) > 0.9 for mask in masks] == [True, True]
    assert len(found.segments) == 3
    for s in found.segments:
        assert s.mask[int(s.point[1]), int(s.point[0])]


def test_crops_find_small_things_and_place_them_in_the_photo() -> None:
    image, (small, large) = picture((300, 400), (316, 221, 336, 239), (40, 60, 300, 200))
    config = replace(CONFIG, points_per_side=28)
    whole = search(image, config)
    crops = search(image, replace(config, crop_layers=1))
    assert best(crops, small) > 0.8
    assert best(crops, small) >= best(whole, small)
    assert best(crops, large) > 0.9
    enlarged = max(crops.segments, key=lambda s: pipeline.iou(s.mask, small))
    assert enlarged.crop != (0, 0, 400, 300)
    x0, y0, x1, y1 = enlarged.crop
    assert x0 <= enlarged.point[0] <= x1
    assert y0 <= enlarged.point[1] <= y1


def test_what_a_crop_cuts_is_left_to_the_whole_photo() -> None:
    image, (wide,) = picture((300, 400), (20, 100, 380, 200))
    found = search(image, replace(CONFIG, crop_layers=1))
    assert best(found, wide) > 0.9
    assert sum(pipeline.iou(s.mask, wide) > 0.2 for s in found.segments) == 1


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_crops_lie_in_the_photo_and_cover_it(layers: int) -> None:
    config = replace(CONFIG, crop_layers=layers)
    crops = crops_of((301, 403), config)
    assert len(crops) == sum(4**layer for layer in range(layers + 1))
    for layer in range(layers + 1):
        covered = np.zeros((301, 403), bool)
        for (x0, y0, x1, y1), of_layer in crops:
            assert 0 <= x0 < x1 <= 403
            assert 0 <= y0 < y1 <= 301
            if of_layer == layer:
                covered[y0:y1, x0:x1] = True
        assert covered.all()


def test_a_thin_line_is_found() -> None:
    # Five pixels of 512: little more than one cell of the low-resolution mask. A row of points lies at 96.
    image, (line,) = picture((512, 512), (20, 94, 500, 99))
    found = search(image, CONFIG)
    assert best(found, line) > 0.6


def test_islands_and_objects_below_the_smallest_area_are_dropped() -> None:
    image, (small, large) = picture((256, 256), (12, 12, 22, 22), (80, 80, 200, 200))
    assert best(search(image, CONFIG), small) > 0.5
    found = search(image, replace(CONFIG, min_area=400))
    assert best(found, small) < 0.01
    assert best(found, large) > 0.9


def test_nested_masks_stay_whole_or_are_cut_as_asked() -> None:
    image, (outer, inner) = picture((256, 256), (30, 30, 220, 220), (100, 100, 160, 160))
    flat = search(image, replace(CONFIG, overlap="flat"))
    assert best(flat, inner) > 0.9
    assert best(flat, outer & ~inner) > 0.9
    assert sum(s.mask.astype(int) for s in flat.segments).max() == 1
