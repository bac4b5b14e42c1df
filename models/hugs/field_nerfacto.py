"""The repository's Nerfacto behind the door of the voxel field: for a GPU, by FieldConfig(network="nerfacto")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from models.hugs.field import FieldProgress, Picture
from models.hugs.field_config import FieldConfig
from models.hugs.network import Nerfacto
from models.hugs.network_config import CONFIGS, NerfactoConfig
from models.hugs.sfm_align import camera_frame, centred
from models.hugs.training import render, train
from models.hugs.training_config import MASK_GENERATION, TrainingConfig
from models.parts.capture import Intrinsics, View

NETWORK: NerfactoConfig = CONFIGS["distractor"]
"""Contracted space: it needs no bound, whatever the capture. Interval lengths are the correct ones."""
TRAINING: TrainingConfig = MASK_GENERATION


@dataclass(frozen=True)
class ScaledNerfacto:
    """A model trained in a frame that is re-centred and scaled; pictures are asked for in the capture's own."""

    model: Nerfacto
    scale: float
    centre: npt.NDArray[np.float64]

    def picture(
        self, intrinsics: Intrinsics, camera_to_world: npt.NDArray[np.float64], config: FieldConfig
    ) -> tuple[Picture, Picture]:
        """See models.hugs.field.Renderable; ``config`` has no say here."""
        del config
        pose = camera_to_world.copy()
        pose[:3, 3] = (pose[:3, 3] - self.centre) * self.scale
        colours, depth = render(self.model, intrinsics, pose)
        return colours, np.asarray(depth / self.scale, np.float32)


def train_nerfacto(
    views: Sequence[View],
    masks: Mapping[str, npt.NDArray[np.bool_]] | None,
    config: FieldConfig,
    generator: np.random.Generator,
    points: npt.NDArray[np.float64] | None = None,
) -> Iterator[FieldProgress]:
    """As train_field, with the paper's network and schedule; on a GPU when there is one, else slowly on the processor.

    The frame is re-centred on the mean structure point (or camera) and scaled until the cameras lie in [-1, 1].
    """
    posed = [view for view in views if view.camera_to_world is not None and view.intrinsics is not None]
    centre, scale = camera_frame(posed, points) if posed else (np.zeros(3), 1.0)
    there = [centred(view, centre, scale) for view in posed]
    training = replace(TRAINING, iterations=config.iterations, loss=config.loss)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    for progress in train(there, masks, NETWORK, training, generator, device, config.side):
        field = ScaledNerfacto(progress.model, scale, centre)
        yield FieldProgress(progress.step, progress.steps, progress.loss, field, config)
