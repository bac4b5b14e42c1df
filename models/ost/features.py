"""Features of a video's frames, each encoded once: recognition and timeline share one store a video and model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch

from models.ost.frames import Crop, Frame, Indices, Preparation, Source, cropped, normalised
from models.ost.network import unit
from models.parts.clip import ClipLike
from models.runtime import Loaded, ResourceSpec

MOST_FRAMES = 8192
_AT_ONCE = 16
_STORE_BYTES_A_FRAME = 4 * 512
_Progress = Callable[[float], None]


class FrameStore:
    """Features of frames seen so far, by crop and number; the oldest are dropped beyond MOST_FRAMES. Thread-safe."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Crop, int], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def features(
        self,
        model: ClipLike,
        source: Source,
        indices: Sequence[int] | Indices,
        prepared: Preparation,
        crop: Crop = "middle",
        progress: _Progress = lambda share: None,
    ) -> tuple[np.ndarray, int]:
        """(float32 (len(indices), D) of unit norm, how many frames were new). Raises BadInput of the video's reader."""
        order = [int(index) for index in indices]
        with self._lock:
            found = {index: self._known[crop, index] for index in order if (crop, index) in self._known}
        new = sorted(set(order) - set(found))
        waiting: list[tuple[int, Frame]] = []
        before = len(found)

        def told(share: float) -> None:
            progress((len(found) - before + share * len(waiting)) / len(new))

        for index, frame in source.each(new, prepared.short if prepared.area else None):
            waiting.append((index, cropped(frame, prepared, crop)))
            if len(waiting) == _AT_ONCE:
                found |= _encoded(model, waiting, prepared, told)
                waiting = []
        found |= _encoded(model, waiting, prepared, told)
        with self._lock:
            for index in dict.fromkeys(order):
                self._known[crop, index] = found[index]
                self._known.move_to_end((crop, index))
            while len(self._known) > MOST_FRAMES:
                self._known.popitem(last=False)
        return np.stack([found[index] for index in order]), len(new)


@torch.inference_mode()
def _encoded(
    model: ClipLike, waiting: list[tuple[int, Frame]], prepared: Preparation, told: _Progress
) -> dict[int, np.ndarray]:
    """``told``: the share of the network's blocks that are done; with ViT-B/16 a batch takes seconds on a CPU."""
    if not waiting:
        return {}
    frames = normalised(np.stack([frame for _, frame in waiting]), prepared.statistics)
    features = unit(model.encode_image(frames.to(model.logit_scale.device), told).float()).cpu().numpy()
    return {index: feature for (index, _), feature in zip(waiting, features, strict=True)}


def frame_store(model_key: str, source: Source, prepared: Preparation) -> ResourceSpec:
    """The store of one video under one model, as something the shared cache can hold."""
    size = min(len(source.seconds), MOST_FRAMES) * _STORE_BYTES_A_FRAME
    return ResourceSpec(
        f"{model_key}/frames/{prepared.key}/{source.digest}",
        lambda device: Loaded(FrameStore(), size),
        size,
        pool="host",
        label="video features",
    )
