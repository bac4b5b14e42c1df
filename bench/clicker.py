"""The segmentation clicker through the runtime: the first click on a photo, and the clicks after it."""

from __future__ import annotations

import statistics
import time
from typing import Any, Literal

import numpy as np
from PIL import Image

from models.runtime import Runtime, RuntimeConfig

CLICKS = 30
SETS = 7
HEIGHT, WIDTH = 1536, 2048
SCREEN = (768, 1024)
GRID = 16
EVERYTHING = (512, 512)
ONE_BY_ONE = 32
"""Of the grid's 256 points so many are clicked one by one, spread over the photo; the time is scaled up."""


def run() -> dict[str, Any]:
    """set_image_s: first click on a new photo, model loaded. click_ms_p50: further clicks, both branches, screen size.

    second_click_speedup: a click that computes its photo's features over one that finds them cached, interleaved.
    everything_speedup: the clicks of a 16 x 16 grid one by one, over everything mode with the same points, both
    branches, its filters and full-size masks included. Photo features cached on both sides.
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
        grid_s, everything_s, by_branch = _everything(runtime)
    finally:
        runtime.close()
    click_s = statistics.median(known)
    return {
        "figures": {
            "set_image_s": round(statistics.median(fresh), 3),
            "click_ms_p50": round(1000 * click_s, 1),
            "second_click_speedup": round(statistics.median(fresh) / click_s, 2),
            "everything_speedup": round(grid_s / everything_s, 2),
            "everything_s": round(everything_s, 2),
        },
        "config": {
            "photo": [HEIGHT, WIDTH],
            "screen": list(SCREEN),
            "clicks": len(known),
            "photos": len(fresh),
            "everything_photo": list(EVERYTHING),
            "everything_points": GRID**2,
            "everything_branch_s": by_branch,
        },
    }


def _everything(runtime: Runtime) -> tuple[float, float, dict[str, float]]:
    """Seconds of the grid's clicks one by one, of everything mode with both branches, and of each branch."""
    from models.robust_sam import pipeline
    from models.robust_sam.everything import EverythingConfig, everything_job

    image = _scene()
    digest = pipeline.image_digest(image)
    config = EverythingConfig(points_per_side=GRID)

    def all_at_once(branch: Literal["sam", "robust"]) -> float:
        start = time.perf_counter()
        runtime.submit(everything_job("bench", image, digest, branch, config)).result(timeout=600)
        return time.perf_counter() - start

    def one(index: int) -> float:
        side = (np.array(divmod(index, GRID))[::-1] + 0.5) * np.array(EVERYTHING[::-1]) / GRID
        start = time.perf_counter()
        job = pipeline.segment_job("bench", image, digest, pipeline.Prompts(((side[0], side[1]),), (1,)), EVERYTHING)
        runtime.submit(job).result(timeout=600)
        return time.perf_counter() - start

    one(0)
    branches: tuple[Literal["sam", "robust"], ...] = ("sam", "robust")
    rounds: dict[str, list[float]] = {branch: [] for branch in branches}
    clicks: list[float] = []
    # In turns, so that a machine that slows down slows both.
    for part in np.array_split(np.linspace(0, GRID**2 - 1, ONE_BY_ONE).astype(int), 2):
        clicks += [one(int(index)) for index in part]
        for branch in branches:
            rounds[branch].append(all_at_once(branch))
    seconds = {branch: statistics.mean(times) for branch, times in rounds.items()}
    rounded = {branch: round(value, 2) for branch, value in seconds.items()}
    return statistics.mean(clicks) * GRID**2, sum(seconds.values()), rounded


def _scene() -> np.ndarray:
    """A 512 x 512 photo-like picture with objects of several sizes: (H, W, 3) uint8."""
    from models.method import ASSETS

    with Image.open(ASSETS / "examples" / "robust_sam" / "scene_1.jpg") as picture:
        return np.asarray(picture.convert("RGB").resize(EVERYTHING[::-1]))
