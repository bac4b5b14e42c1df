"""HuGS from photos to masks, and what a move of a knob costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from models.runtime import Runtime, RuntimeConfig

SIDE = 512
"""Of the frame that is fused."""
MASKS, POINTS = 60, 800
ROUNDS = 9
FRAMES, CAPTURE_SIDE = 36, 192
SCENE, SEED = "tuning person", 0


def run() -> dict[str, Any]:
    """partition_speedup: the per-pixel twin's time over ours, one 512 x 512 frame, the same masks.

    fusion_ms_512: one frame from cached cues with a new quantile and threshold each time, vote included. capture_s: a
    rendered capture of 36 photos of 192 x 192 from the photos to its masks: structure, residual, segments (by colour),
    fusion; without the time to render the scene.
    """
    speedup, fast_ms, slow_s = _partition()
    capture_s, stages = _capture()
    return {
        "figures": {
            "partition_speedup": round(speedup, 1),
            "fusion_ms_512": round(_fusion(), 1),
            "capture_s": round(capture_s, 1),
        },
        "config": {
            "frame": [SIDE, SIDE],
            "masks": MASKS,
            "features": POINTS,
            "partition_ms": round(fast_ms, 1),
            "partition_slow_s": round(slow_s, 2),
            "capture": [FRAMES, CAPTURE_SIDE, CAPTURE_SIDE],
            "stages_s": stages,
        },
    }


def _masks(side: int, rng: np.random.Generator) -> np.ndarray:
    masks = np.zeros((MASKS, side, side), bool)
    for mask in masks:
        y, x = rng.integers(0, side - side // 12, 2)
        height, width = rng.integers(side // 25, side * 2 // 5, 2)
        mask[y : y + height, x : x + width] = True
    return masks


def _median_s(call: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _partition() -> tuple[float, float, float]:
    """Speed-up, our milliseconds, the slow twin's seconds."""
    from models.hugs.partition import partition, partition_slow

    masks = _masks(SIDE, np.random.default_rng(0))
    partition(masks)
    fast = _median_s(lambda: partition(masks))
    start = time.perf_counter()
    partition_slow(masks)
    slow = time.perf_counter() - start
    return slow / fast, 1000 * fast, slow


def _fusion() -> float:
    from models.hugs.fusion import FrameCues, fuse
    from models.hugs.fusion_config import FusionConfig
    from models.hugs.partition import partition

    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    render = np.clip(photo + rng.normal(0, 20, photo.shape), 0, 255).astype(np.uint8)
    points, lengths = rng.uniform(0, SIDE, (POINTS, 2)), rng.integers(0, 20, POINTS)
    cues = FrameCues.build(photo, render, points, lengths, partition(_masks(SIDE, rng)))
    fuse(cues)
    knobs = iter([FusionConfig(track_threshold=2 + index, quantile=0.8 + index / 100) for index in range(ROUNDS)])
    return 1000 * _median_s(lambda: fuse(cues, next(knobs)))


def _capture() -> tuple[float, dict[str, float]]:
    """Seconds from photos to masks, and of each stage."""
    from models.hugs import pipeline
    from models.hugs.fusion_config import suited_to
    from models.hugs.pipeline_work import Work
    from models.hugs.scenes import hugs_scene

    capture = hugs_scene(SCENE, SEED, CAPTURE_SIDE, FRAMES)
    work = Work(capture, fusion=suited_to(FRAMES, CAPTURE_SIDE))
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))
    stages: dict[str, float] = {}
    try:
        for name, job in (
            ("structure", lambda: pipeline.sfm_job("bench", work)),
            ("residual", lambda: pipeline.residual_job("bench", work)),
            ("segments", lambda: pipeline.segments_job("bench", work)),
        ):
            start = time.perf_counter()
            runtime.submit(job()).result(timeout=1200)
            stages[name] = round(time.perf_counter() - start, 1)
        start = time.perf_counter()
        work.masks()
        stages["fusion"] = round(time.perf_counter() - start, 1)
    finally:
        runtime.close()
    return sum(stages.values()), stages
