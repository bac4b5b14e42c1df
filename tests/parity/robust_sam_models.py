"""RobustSAM at a recorded set's size with the set's weights."""

from __future__ import annotations

from typing import Any

import torch

from models.robust_sam.network import RobustSam, RobustSamConfig, VitConfig
from tests.parity.recorded import Recorded, recipe_weight


def configuration(entry: dict[str, Any]) -> RobustSamConfig:
    """The ``network`` of config.json as our configuration."""
    size = entry.get("network", entry)
    return RobustSamConfig(
        name="recorded",
        vit=VitConfig(
            embed_dim=size["encoder_embed_dim"],
            depth=size["encoder_depth"],
            heads=size["encoder_num_heads"],
            global_blocks=tuple(size["encoder_global_attn_indexes"]),
            window_size=size["encoder_window_size"],
            mlp_ratio=size["mlp_ratio"],
        ),
        image_size=size["image_size"],
        patch_size=size["patch_size"],
        dim=size["prompt_embed_dim"],
        two_way_depth=size["two_way_depth"],
        two_way_heads=size["two_way_num_heads"],
        two_way_mlp=size["two_way_mlp_dim"],
        attention_downsample=size["two_way_attention_downsample_rate"],
        mask_in_channels=size["mask_in_chans"],
        iou_hidden=size["iou_head_hidden_dim"],
        iou_depth=size["iou_head_depth"],
        pixel_mean=tuple(entry["pixel_mean"]) if "pixel_mean" in entry else RobustSamConfig.pixel_mean,
        pixel_std=tuple(entry["pixel_std"]) if "pixel_std" in entry else RobustSamConfig.pixel_std,
    )


def with_recorded_weights(file: Recorded) -> RobustSam:
    """A model with the weights that ``file`` was recorded with: a state file of the set, or the formula."""
    model = RobustSam(configuration(file.entry))
    source = file.entry.get("weights_from")
    if source:
        state = {name: torch.from_numpy(array) for name, array in Recorded.open("robust_sam", source).arrays().items()}
    else:
        prefix = file.entry.get("weights", {}).get("prefix", "")
        state = {
            key: torch.from_numpy(recipe_weight(file.salt, prefix + key, tuple(value.shape)).copy()).to(value.dtype)
            for key, value in model.state_dict().items()
        }
    model.load_state_dict(state, strict=True)
    return model.eval()
