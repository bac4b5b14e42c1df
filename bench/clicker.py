"""The segmentation clicker through the runtime: the first click on a photo, and the clicks after it."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from models.runtime import Runtime, RuntimeConfig

CLICKS = 30
SETS = 7
HEIGHT, WIDTH = 1536, 2048
SCREEN = (768, 1024)


def run() -> dict[str, Any]:
    """set_image_s: first click on a new photo, model loaded. click_ms_p50: further clicks, both branches, screen size.

    second_click_speedup: a click that computes its photo's features over one that finds them cached, interleaved.
    """
    from models.robust_sam import pipeline

    rng = np.random.default_rng(0)
    runtime = Runtime(RuntimeConfig(devices=("cpu",)))

    def click(image: np.ndarray, digest: str) -> float:
        point = (float(rng.uniform(0, WIDTH)), float(rng.uniform(0, HEIGHT)))
        start = time.perf_counter()
        job = pipeline.segment_job("bench", image, digest, pipeline.Prompts((point,), (1,)), SCREEN)
        runtime.submit(job).result(timeout=120)
        return time.perf_counter() - start

    try:
        photo = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        click(photo, "warm")
        fresh, known = [], []
        for index in range(SETS):
            fresh.append(click(photo, f"photo {index}"))
            known += [click(photo, f"photo {index}") for _ in range(CLICKS // SETS + 1)]
    finally:
        runtime.close()
    click_s = statistics.median(known)
    return {
        "figures": {
            "set_image_s": round(statistics.median(fresh), 3),
            "click_ms_p50": round(1000 * click_s, 1),
            "second_click_speedup": round(statistics.median(fresh) / click_s, 2),
        },
        "config": {"photo": [HEIGHT, WIDTH], "screen": list(SCREEN), "clicks": len(known), "photos": len(fresh)},
    }
