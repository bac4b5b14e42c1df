"""The search of everything mode: points asked in batches, candidates filtered, survivors made at full size."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from segment_anything.utils import amg
from torch import Tensor

from models.parts.sizes import shrunk
from models.robust_sam import everything_filter
from models.robust_sam.decoder import Branch
from models.robust_sam.everything_config import EverythingConfig
from models.robust_sam.everything_decode import GridDecoder
from models.robust_sam.everything_masks import Segment, Upscaler, Window, label_map, runs_of, tight
from models.robust_sam.everything_result import Everything, Progress
from models.robust_sam.frames import MASK_THRESHOLD, Size
from models.robust_sam.network import RobustSam
from models.runtime import JobContext

PARTIAL_S = 0.4
PARTIAL_SIDE = 256
MOST_HELD = 1500
"""Low-resolution candidates held at once; beyond it the pool is thinned by suppression before the search goes on."""


@dataclass(frozen=True)
class _Held:
    """Candidates that passed the filters: K low-resolution logits in half precision, and what is known of each."""

    logits: Tensor
    iou: Tensor
    stability: Tensor
    points: Tensor
    candidate: Tensor

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, chosen: Tensor) -> _Held:
        return _Held(*(getattr(self, name)[chosen] for name in _FIELDS))

    def joined(self, other: _Held) -> _Held:
        return _Held(*(torch.cat([getattr(self, name), getattr(other, name)]) for name in _FIELDS))


_FIELDS = ("logits", "iou", "stability", "points", "candidate")


class Search:
    """One photo under one branch; the methods are the steps of the search."""

    def __init__(
        self, context: JobContext, model: RobustSam, image: np.ndarray, branch: Branch, config: EverythingConfig
    ) -> None:
        self.context, self.model, self.image, self.branch, self.config = context, model, image, branch, config
        self.size: Size = image.shape[:2]
        self.crops = crops_of(self.size, config)
        self.prompts = sum(config.points_of(layer) ** 2 for _, layer in self.crops)
        self.done = 0
        self.segments: list[Segment] = []
        self._told = time.perf_counter()

    def tick(self, ahead: float = 0.0) -> None:
        """Progress: points asked, ``ahead`` of the points in work."""
        self.context.tick(
            min(0.98 * (self.done + ahead) / self.prompts, 0.98), f"{self.done} of {self.prompts} points asked"
        )

    def crop(self, decoder: GridDecoder, crop: Window, layer: int) -> Iterator[Progress]:
        """Ask all points of one crop, suppress, and make the survivors' masks."""
        upscaler = Upscaler(crop, self.model.config.image_size, self.model.config.low_resolution)
        height, width = upscaler.size
        grid = amg.build_point_grid(self.config.points_of(layer)) * np.array([width, height])
        held: _Held | None = None
        chunk = _chunk(self.model, self.context.device)
        for start in range(0, len(grid), chunk):
            fresh = self._ask(decoder, grid[start : start + chunk], upscaler)
            held = fresh if held is None else held.joined(fresh)
            if len(held) > MOST_HELD:
                held = held[self._best(held, upscaler)]
            self.done += len(grid[start : start + chunk])
            self.tick()
            if time.perf_counter() - self._told > PARTIAL_S:
                self._told = time.perf_counter()
                yield self._progress(held, upscaler)
        if held is None or not len(held):
            return
        for index in self._best(held, upscaler).tolist():
            self.tick()
            found = self._segment(held, index, upscaler, layer)
            if found is not None:
                self.segments.append(found)

    def _ask(self, decoder: GridDecoder, points: np.ndarray, upscaler: Upscaler) -> _Held:
        """points: (P, 2) in the crop -> the candidates that pass the score, area and stability filters."""
        config, chosen = self.config, self.config.chosen
        with torch.inference_mode():
            attended = decoder.attend(points)
            self.tick(len(points) / 2)
            scores = attended.iou[:, chosen].clamp(0, 1)
            good = scores >= config.iou_threshold
            asked = torch.nonzero(good.any(1)).flatten()
            step = 2 if self.branch == "robust" else len(points)
            parts = []
            for part in asked.split(step) if len(asked) else ():
                parts.append(decoder.masks(attended[part], chosen))
                self.tick(len(points) / 2)
            side = self.model.config.low_resolution
            logits = torch.cat(parts) if parts else scores.new_zeros(0, good.shape[1], side, side)
            prompt, candidate = torch.nonzero(good[asked], as_tuple=True)
            height, width = upscaler.valid
            logits = logits[prompt, candidate].float()
            visible = logits[:, :height, :width]
            stable = everything_filter.stability(visible, config.stability_offset)
            cell = upscaler.size[0] * upscaler.size[1] / (height * width)
            area = (visible > MASK_THRESHOLD).flatten(1).sum(1) * cell
            # Cells are coarse: what is close to a limit is decided on the full mask.
            most = 1.1 * config.max_share * self.size[0] * self.size[1]
            keep = (stable >= config.stability_threshold) & (area >= config.min_area / 2) & (area <= most) & (area > 0)
            places = torch.as_tensor(points, dtype=torch.float64)
            prompt, candidate = prompt[keep], candidate[keep]
            return _Held(
                logits[keep].half().cpu(),
                scores[asked][prompt, candidate].cpu(),
                stable[keep].cpu(),
                places[asked.cpu()][prompt.cpu()],
                candidate.cpu() + (chosen.start or 0),
            )

    def _best(self, held: _Held, upscaler: Upscaler) -> Tensor:
        """Indices that survive suppression, best first."""
        height, width = upscaler.valid
        masks = held.logits[:, :height, :width] > MASK_THRESHOLD
        # Equal scores are common among neighbours; the more stable mask then goes first.
        scores = held.iou.double() + 1e-6 * held.stability.double()
        if self.config.suppression == "mask":
            return everything_filter.suppressed_by_mask(masks, scores, self.config.nms_threshold)
        boxes = everything_filter.boxes_of(masks)
        return everything_filter.suppressed(boxes, scores, torch.zeros(len(boxes)), self.config.nms_threshold)

    def _segment(self, held: _Held, index: int, upscaler: Upscaler, layer: int) -> Segment | None:
        """The full mask of one survivor, cleaned; None when it is too small, too large or cut by its crop."""
        window, inside = upscaler.mask(held.logits[index])
        left, top = upscaler.crop[:2]
        window = (window[0] + left, window[1] + top, window[2] + left, window[3] + top)
        inside = everything_filter.without_small_regions(inside, self.config.min_area)
        window, inside = tight(window, inside)
        area = int(inside.sum())
        if not area or not self.config.min_area <= area <= self.config.max_share * self.size[0] * self.size[1]:
            return None
        cell = max(upscaler.size) / upscaler.low
        if layer and everything_filter.touches_cut(window, upscaler.crop, self.size, 2 * cell):
            return None
        x, y = held.points[index].tolist()
        return Segment(
            window=window,
            runs=runs_of(inside),
            size=self.size,
            area=area,
            bbox=(window[0], window[1], window[2] - window[0], window[3] - window[1]),
            predicted_iou=float(held.iou[index]),
            stability=float(held.stability[index]),
            point=(left + x, top + y),
            crop=upscaler.crop,
            candidate=int(held.candidate[index]),
        )

    def _progress(self, held: _Held, upscaler: Upscaler) -> Progress:
        """What was found so far, those in work from their low-resolution masks."""
        scale = min(1.0, PARTIAL_SIDE / max(self.size))
        height, width = shrunk(self.size, PARTIAL_SIDE)
        labels = label_map(tuple(self.segments), self.size, (height, width))
        if len(held):
            rows, columns = upscaler.valid
            masks = held.logits[self._best(held, upscaler), :rows, :columns] > MASK_THRESHOLD
            order = torch.argsort(masks.flatten(1).sum(1), descending=True).tolist()
            x0, y0, x1, y1 = (round(edge * scale) for edge in upscaler.crop)
            ys = (np.arange(y0, y1) - y0) * rows // max(1, y1 - y0)
            xs = (np.arange(x0, x1) - x0) * columns // max(1, x1 - x0)
            for index in order:
                inside = masks[index].numpy()[np.ix_(ys, xs)]
                labels[y0:y1, x0:x1][inside] = len(self.segments) + 1 + index
        return Progress(self.done, self.prompts, len(self.segments) + len(held), labels.astype(np.uint16))

    def result(self, started: float) -> Everything:
        """The segments of all crops without repetitions, cut where asked, the largest first."""
        segments = self._once_each() if len(self.crops) > 1 else self.segments
        segments.sort(key=lambda s: -s.area)
        if self.config.overlap == "flat":
            segments = _flattened(segments, self.size, self.config.min_area)
        spent = 1000 * (time.perf_counter() - started)
        return Everything(self.size, self.branch, tuple(segments), self.config, spent)

    def _once_each(self) -> list[Segment]:
        """Of two segments of different crops that agree the one of the smaller crop stays: it was seen enlarged."""
        if not self.segments:
            return []
        crop_area = torch.tensor([(s.crop[2] - s.crop[0]) * (s.crop[3] - s.crop[1]) for s in self.segments])
        scores = 1 / crop_area.double() + 1e-12 * torch.tensor([s.predicted_iou for s in self.segments])
        if self.config.suppression == "box":
            boxes = torch.tensor([s.window for s in self.segments], dtype=torch.float32)
            kept = everything_filter.suppressed(boxes, scores, torch.zeros(len(boxes)), self.config.nms_threshold)
        else:
            small = shrunk(self.size, PARTIAL_SIDE)
            masks = np.stack([label_map((s,), self.size, small) > 0 for s in self.segments])
            kept = everything_filter.suppressed_by_mask(torch.from_numpy(masks), scores, self.config.nms_threshold)
        return [self.segments[index] for index in kept.tolist()]


def crops_of(size: Size, config: EverythingConfig) -> list[tuple[Window, int]]:
    """The whole photo and, for each further layer, its crops (x0, y0, x1, y1) with the layer's number."""
    boxes, layers = amg.generate_crop_boxes(size, config.crop_layers, config.crop_overlap)
    crops = []
    for (x0, y0, x1, y1), layer in zip(boxes, layers, strict=True):
        window = (int(x0), int(y0), min(int(x1), size[1]), min(int(y1), size[0]))
        if window[2] > window[0] and window[3] > window[1]:
            crops.append((window, int(layer)))
    return crops


def _chunk(model: RobustSam, device: str) -> int:
    """Points asked at once: about 30 ms of work on one core, so that cancelling is quick; more where a GPU helps."""
    if device != "cpu":
        return 64
    cost = (model.config.grid / 32) ** 2 * (model.config.dim / 128) ** 2
    return min(max(1, round(8 / cost)), 16)


def _flattened(segments: Sequence[Segment], size: Size, least: int) -> list[Segment]:
    """Segments without overlap: each pixel goes to the smallest of those that cover it; too small rests are dropped."""
    labels = label_map(tuple(segments), size)
    flat = []
    for number, segment in enumerate(segments, start=1):
        x0, y0, x1, y1 = segment.window
        window, inside = tight(segment.window, labels[y0:y1, x0:x1] == number)
        area = int(inside.sum())
        if area >= max(1, least):
            box = (window[0], window[1], window[2] - window[0], window[3] - window[1])
            flat.append(replace(segment, window=window, runs=runs_of(inside), area=area, bbox=box))
    return sorted(flat, key=lambda s: -s.area)
