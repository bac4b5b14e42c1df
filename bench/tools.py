"""The Severity and Inside tools of the segmentation room through the runtime: what their first lines promise."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from models.runtime import Job, Runtime, RuntimeConfig

PHOTO = (512, 512)
ROUNDS = 3


def run() -> dict[str, Any]:
    """sweep_picture_s: one picture of all kinds, both branches, degrading included. inside_s: one inside view.

    Model loaded and the clean photo's features cached on both; medians.
    """
    from models.parts.degradations import KINDS
    from models.robust_sam import inside, pipeline, sweep
    from models.robust_sam.sweep_types import SEVERITIES

    image = np.random.default_rng(0).integers(0, 256, (*PHOTO, 3), dtype=np.uint8)
    digest, prompts = pipeline.image_digest(image), pipeline.Prompts(((256.0, 256.0),), (1,))
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))

    def seconds(job: Job) -> float:
        start = time.perf_counter()
        runtime.submit(job).result(timeout=600)
        return time.perf_counter() - start

    try:
        seconds(pipeline.segment_job("bench", image, digest, prompts))
        sweeps = [
            seconds(sweep.radar_job("bench", image, digest, prompts, severity=1.0)) / len(KINDS) for _ in range(ROUNDS)
        ]
        views = [seconds(inside.inside_job("bench", image, digest, prompts)) for _ in range(ROUNDS)]
    finally:
        runtime.close()
    return {
        "figures": {
            "sweep_picture_s": round(statistics.median(sweeps), 3),
            "inside_s": round(statistics.median(views), 2),
        },
        "config": {"photo": list(PHOTO), "rounds": ROUNDS, "kinds": len(KINDS), "default_steps": len(SEVERITIES)},
    }
