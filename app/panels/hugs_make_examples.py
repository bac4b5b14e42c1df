"""Makes assets/examples/hugs/sample.zip: the sample capture with every stage computed, a comparison of fields included.

python -m app.panels.hugs_make_examples --colours --steps 600 --no-comparison
python -m app.panels.hugs_make_examples --only-comparison --steps 400
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from app.panels.hugs_examples import write_first
from models import registry
from models.hugs import pipeline, pipeline_compare, sample, scores
from models.hugs.field_config import FieldConfig
from models.hugs.fusion_config import suited_to
from models.hugs.pipeline_work import Work
from models.hugs.proposals import ProposalConfig
from models.hugs.scenes import sample_capture
from models.hugs.sfm import SfmConfig
from models.parts.capture import Capture, View
from models.runtime import JobContext
from models.worlds.library import Library

Result = TypeVar("Result")
SIDE, FRAMES, SEED = 192, 36, 0


def main() -> None:
    """Compute all stages and write the file; says what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--no-comparison", action="store_true")
    parser.add_argument("--colours", action="store_true", help="segments by colour alone, without RobustSAM")
    parser.add_argument("--only-comparison", action="store_true", help="of the sample that is there")
    asked = parser.parse_args()
    if asked.only_comparison:
        made = sample.load()
    else:
        made = make(asked.steps, colours=asked.colours)
        sample.save(made, sample.FILE, exact=False)
        print(f"written: {sample.FILE.stat().st_size / 1e6:.2f} MB", flush=True)
    if not asked.no_comparison:
        found = _last(
            pipeline_compare.compare_fields(
                JobContext(),
                None,
                work=made.work,
                config=FieldConfig(iterations=asked.steps),
                seed=SEED,
                which=("none", "hugs", "true"),
            )
        )
        sample.add_extras(sample.FILE, sample.compare_extras(found))
        print({one.masks: (one.psnr, one.ssim) for one in found.trained}, flush=True)
    write_first()
    print(f"written: {sample.FILE.stat().st_size / 1e6:.2f} MB", flush=True)


def make(steps: int, *, colours: bool) -> sample.Sample:
    """The sample with structure, residual and segments."""
    context = JobContext()
    start = time.monotonic()

    def said(what: str) -> None:
        nonlocal start
        print(f"{what}: {time.monotonic() - start:.1f} s", flush=True)
        start = time.monotonic()

    capture = as_stored(sample_capture(SIDE, FRAMES, Library.open("train")))
    said("scene")
    work = Work(capture, fusion=suited_to(FRAMES, SIDE))
    structure = pipeline.find_structure(
        context, None, work=work, config=SfmConfig(known_poses=True), seed=SEED, with_masks=False
    )
    said(f"structure {structure}")
    looks: dict[int, Any] = {}
    training = pipeline.train_residual(
        context,
        None,
        work=work,
        config=FieldConfig(iterations=steps),
        seed=SEED,
        watched=work.names[len(work.names) // 2],
    )
    watched = ""
    while True:
        try:
            told = next(training)
        except StopIteration as end:
            losses = end.value.losses
            break
        if told.picture is not None:
            watched = told.name
            looks[told.step] = np.asarray(np.clip(np.rint(told.picture * 255), 0, 255), np.uint8)
    said("residual")
    segmenter = None if colours else registry.offered("segments")
    found = _last(
        pipeline.find_segments(context, None, work=work, segmenter=segmenter, config=ProposalConfig(), again=True)
    )
    said(f"segments by {found.name}")
    print(scores.scores_of(work), flush=True)
    return sample.Sample(work, losses, watched, looks)


def as_stored(capture: Capture) -> Capture:
    """The capture with its photos as the file keeps them, so that stages belong to what people see."""

    def stored(view: View) -> View:
        return replace(view, image=sample.decoded(sample.jpeg(view.image, sample.PHOTO_QUALITY)))

    return replace(
        capture,
        views=tuple(stored(view) for view in capture.views),
        held_out=tuple(stored(view) for view in capture.held_out),
    )


def _last(steps: Generator[Any, None, Result]) -> Result:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


if __name__ == "__main__":
    main()
