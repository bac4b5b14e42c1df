"""Our fusion against masks recorded from the authors' code; sizes, settings and tolerances come from the set."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from models.hugs import cues
from models.hugs.fusion import FrameCues, Fused, PointMasks, fuse, single_cue
from models.hugs.fusion_config import FusionConfig
from models.hugs.partition import partition
from tests.parity.recorded import Recorded, folder

SLUG = "hugs"


@lru_cache(maxsize=2)
def opened(name: str) -> tuple[Recorded, dict[str, np.ndarray]]:
    file = Recorded.open(SLUG, name)
    return file, file.arrays()


def entries(name: str, key: str) -> list[str]:
    import json

    path = folder(SLUG) / "config.json"
    files = json.loads(path.read_text())["files"] if path.exists() else {}
    return sorted(files.get(name, {}).get(key, {}))


@pytest.mark.parametrize("name", entries("hugs_helpers.npz", "fill_gap_kernel"))
def test_gaps_are_filled_as_recorded(name: str) -> None:
    file, arrays = opened("hugs_helpers.npz")
    got = cues.fill_gap(arrays["mask"][..., 0] > 0.5, file.entry["fill_gap_kernel"][name])
    file.check(name, got[..., None], arrays[name])


def test_doubles_and_outliers_go_as_recorded() -> None:
    file, arrays = opened("hugs_helpers.npz")
    points = arrays["points"]
    single = points[cues.without_doubles(points, file.entry["duplicate_distance"])]
    file.check("no_dups", single, arrays["no_dups"])
    near = single[cues.without_outliers(single, file.entry["outlier_std"])]
    file.check("no_outliers", near, arrays["no_outliers"])


@pytest.mark.parametrize("name", entries("hugs_helpers.npz", "vote_threshold"))
def test_overlapping_masks_vote_as_recorded(name: str) -> None:
    file, arrays = opened("hugs_helpers.npz")
    got = cues.vote_overlapping(
        arrays["fine"][..., 0] > 0.5, arrays["mask"][..., 0] > 0.5, file.entry["vote_threshold"][name]
    )
    file.check(name, got[..., None], arrays[name])


def settings(entry: dict[str, Any], name: str) -> FusionConfig:
    own, shared = entry["configurations"][name], entry["shared_settings"]
    return FusionConfig(
        track_threshold=own["sfm_point_count_threshold"],
        quantile=own["residual_quantile_upper"],
        smooth=own["smooth_kernel_size"],
        erode=own["erode_kernel_size"],
        gap=shared["fill_gap_kernel"],
        vote=shared["vote_threshold"],
        dedup=shared["remove_duplicates_distance"],
        outliers=shared["remove_outliers"],
        predicted_iou=shared["predicted_iou_threshold"],
        stability=shared["stability_score_threshold"],
        stability_offset=shared["stability_score_offset"],
    )


@lru_cache(maxsize=8)
def fused(name: str) -> tuple[FrameCues, FusionConfig, Fused]:
    file, arrays = opened("hugs_pipeline.npz")
    config = settings(file.entry, name)
    size = tuple(file.entry["frame_hw"])
    frame = tuple(int(side) for side in arrays["cam_wh"])
    lengths = np.where(arrays["point3d_ids"] == file.entry["unmatched_id"], 0, arrays["track_len"])
    points = cues.frame_points(arrays["points_xy_fullres"], frame, size)
    nearest = np.linalg.norm(points[:, None] - arrays["decoder_xy"][None], axis=2).argmin(1)
    masks = cues.good_masks(
        arrays["decoder_logits"][nearest].astype(np.float32), arrays["decoder_iou"][nearest], config
    )
    frame_cues = FrameCues.build(
        arrays["gt"], arrays["pred"], points, lengths, partition(arrays["auto_masks"]), PointMasks.pack(masks, size)
    )
    return frame_cues, config, fuse(frame_cues, config)


@pytest.mark.parametrize("name", entries("hugs_pipeline.npz", "configurations"))
def test_every_map_of_a_frame_is_the_recorded_one(name: str) -> None:
    file, arrays = opened("hugs_pipeline.npz")
    frame_cues, config, got = fused(name)
    maps = {
        "res_base": got.base,
        "res_upper": got.upper,
        "res_base_sam": single_cue(frame_cues, config, "residual x segments"),
        "sfm": got.sfm,
        "sfm_residual": got.agreed,
        "static": got.static,
    }
    for output, mask in maps.items():
        file.check(f"{name}.{output}", mask.astype(np.uint8), arrays[f"{name}.{output}"])


@pytest.mark.parametrize("name", entries("hugs_pipeline.npz", "configurations"))
def test_prompts_are_the_recorded_ones(name: str) -> None:
    file, arrays = opened("hugs_pipeline.npz")
    lengths = np.where(arrays["point3d_ids"] == file.entry["unmatched_id"], 0, arrays["track_len"])
    frame = tuple(int(side) for side in arrays["cam_wh"])
    xy = arrays["points_xy_fullres"].astype(np.float32)
    points = cues.frame_points(xy, frame, tuple(file.entry["frame_hw"]))
    got = points[cues.kept_points(points, lengths, settings(file.entry, name))].astype(np.float32)
    assert len(got) == file.entry["n_prompts"][name]
    file.check(f"{name}.prompts", got, arrays[f"{name}.prompts"])
