"""The user's SAM checkpoint as a source of segments, through segment-anything's own automatic generator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.hugs.cues import Points
from models.parts.problems import BadInput
from models.runtime import JobContext, Loaded, ResourceSpec
from models.runtime.backends.torch_adapter import module_bytes

BLOCKS = {12: "vit_b", 24: "vit_l", 32: "vit_h"}
"""Transformer blocks of the image encoder -> the architecture's name."""
GENERATOR: dict[str, Any] = {
    "points_per_side": 64,
    "pred_iou_thresh": 0.8,
    "stability_score_thresh": 0.9,
    "crop_n_layers": 1,
    "crop_n_points_downscale_factor": 2,
    "min_mask_region_area": 50,
}
"""The settings of the released code."""
ON_A_PROCESSOR: dict[str, Any] = {**GENERATOR, "points_per_side": 16, "crop_n_layers": 0}
"""The same with 16 times fewer points and no crops, for machines without a GPU."""
BATCH = 128


class SamSegmenter:
    """``file``: a safetensors file of a plain SAM that has passed the checkpoint door. Raises BadInput for others."""

    def __init__(self, file: Path, digest: str, settings: dict[str, Any] | None = None) -> None:
        self.file, self.digest, self.settings = file, digest, settings
        self.architecture = architecture_of(file)
        self.name = f"SAM {self.architecture.replace('_', '-')} of yours"

    def resource(self) -> ResourceSpec:
        """The network for the shared cache."""

        def load(device: str) -> Loaded:
            from safetensors.torch import load_file
            from segment_anything import sam_model_registry

            model = sam_model_registry[self.architecture](checkpoint=None)
            model.load_state_dict(load_file(self.file))
            model = model.eval().requires_grad_(False).to(device)
            return Loaded(model, module_bytes(model), lambda: None)

        return ResourceSpec(f"hugs/sam/{self.digest}", load, self.file.stat().st_size, label=self.name)

    @torch.inference_mode()
    def regions(self, context: JobContext, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
        """(N, H, W) bool of the automatic generator; cancelling waits for one photo."""
        from segment_anything import SamAutomaticMaskGenerator

        settings = self.settings or (GENERATOR if context.device.startswith("cuda") else ON_A_PROCESSOR)
        with context.resource(self.resource()) as model:
            context.tick(None, f"{self.name}: looking for regions")
            found = SamAutomaticMaskGenerator(model, **settings).generate(image)
        masks = [np.asarray(one["segmentation"], bool) for one in found]
        return np.stack(masks) if masks else np.zeros((0, *image.shape[:2]), bool)

    @torch.inference_mode()
    def at_points(
        self, context: JobContext, image: npt.NDArray[np.uint8], points: Points
    ) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
        """Batches of logits (B, 3, H, W) and predicted IoU (B, 3), one positive prompt a point."""
        from segment_anything import SamPredictor

        if len(points) == 0:
            return
        with context.resource(self.resource()) as model:
            predictor = SamPredictor(model)
            predictor.set_image(image)
            for start in range(0, len(points), BATCH):
                context.tick(start / len(points), "asking at features")
                part = torch.as_tensor(points[start : start + BATCH], device=predictor.device)
                moved = predictor.transform.apply_coords_torch(part[:, None], image.shape[:2])
                ones = torch.ones(moved.shape[:2], dtype=torch.int, device=predictor.device)
                logits, iou, _ = predictor.predict_torch(moved, ones, multimask_output=True, return_logits=True)
                yield logits.float().cpu().numpy(), iou.float().cpu().numpy()


def architecture_of(file: Path) -> str:
    """vit_b, vit_l or vit_h, from the keys of a safetensors file. Raises BadInput when it is no plain SAM."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            keys = list(opened.keys())
    except (SafetensorError, OSError) as error:
        raise BadInput(file.name, "cannot be read as weights", "Give a sam_vit_b, _l or _h file") from error
    numbers = [int(key.split(".")[2]) for key in keys if key.startswith("image_encoder.blocks.")]
    name = BLOCKS.get(max(numbers, default=-1) + 1)
    if name is None or not any(key.startswith("mask_decoder.") for key in keys):
        raise BadInput(
            file.name, "is not a SAM checkpoint", "Give sam_vit_b, sam_vit_l or sam_vit_h of segment-anything"
        )
    return name
