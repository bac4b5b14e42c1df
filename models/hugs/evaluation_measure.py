"""Measures one capture: cues, maps and their agreement with the truth, then fields under each of the maps."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from models.hugs.colour_segments import colour_segments
from models.hugs.cues import Residual
from models.hugs.evaluation_config import TRAININGS, EvaluationConfig
from models.hugs.evaluation_records import FieldScore, MapScore, Record
from models.hugs.field import FieldProgress, train_field
from models.hugs.field_config import FieldConfig
from models.hugs.field_rays import reduced
from models.hugs.fusion import FrameCues, Single, fuse, single_cue
from models.hugs.partition import partition
from models.hugs.pipeline_work import Work, at_size, residual_of
from models.hugs.proposals import COLOUR_NAME, Proposal
from models.hugs.scores import agreement, tally
from models.hugs.sfm import SfmConfig, run_sfm
from models.parts.capture import Capture, View
from models.parts.metrics import colour_correct, psnr, ssim

Masks = dict[str, npt.NDArray[np.bool_]]


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, stage: str, since: float) -> None:
        """Counts the time from ``since`` (time.monotonic) to now for ``stage``."""
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.monotonic() - since, 2)


def measure(scene: str, seed: int, capture: Capture, config: EvaluationConfig) -> Record:
    """The record of ``capture``, whose views have poses and truth."""
    clock = Clock()
    work, placed = prepared(capture, config, clock)
    maps = all_maps(work, config)
    truth = {view.name: view.truth for view in capture.views if view.truth is not None}
    known = {"none": None, **maps, "true": truth}
    fields: dict[str, FieldScore] = {}
    for which in TRAININGS:
        since = time.monotonic()
        masks, loss = known.get(which), "robust" if which == "robust" else config.final.loss
        fields[which] = field_score(work.capture, masks, replace(config.final, loss=loss), seed)
        clock.add(f"field {which}", since)
    structure = work.capture.structure
    return Record(
        scene,
        seed,
        capture.digest,
        round(1 - float(np.mean([mask.mean() for mask in truth.values()])), 4),
        placed,
        0 if structure is None else len(structure.ids),
        COLOUR_NAME,
        {which: map_score(masks, truth) for which, masks in maps.items()},
        fields,
        clock.seconds,
    )


def prepared(capture: Capture, config: EvaluationConfig, clock: Clock) -> tuple[Work, int]:
    """Structure, segments and residuals of a capture with known poses, and in how many views features were matched."""
    since = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vitrine-evaluation-") as folder:
        structured = run_sfm(
            capture, folder, rng=np.random.default_rng(0), config=SfmConfig(known_poses=True, threads=1)
        )
    clock.add("structure", since)
    work = Work(structured, fusion=config.fusion)
    since = time.monotonic()
    for view in structured.views:
        work.take_proposal(view.name, Proposal(COLOUR_NAME, colour_segments(work.frame(view.name))))
    clock.add("segments", since)
    since = time.monotonic()
    field = trained(structured, None, config.cue, 0)
    for view in structured.posed:
        work.take_render(view.name, field.seen_by(view))
    clock.add("residual", since)
    structure = structured.structure
    seen = 0 if structure is None else sum((points.point_ids >= 0).any() for points in structure.keypoints.values())
    return work, int(seen)


def all_maps(work: Work, config: EvaluationConfig) -> dict[str, Masks]:
    """Name -> view name -> (H, W) bool static map, of each cue and of the fusion."""
    singles: dict[str, Single] = {"sfm": "sfm", "residual": "residual", "residual_segments": "residual x segments"}
    maps: dict[str, Masks] = {
        which: {name: single_cue(work.cues(name), config.fusion, single) for name in work.names}
        for which, single in singles.items()
    }
    maps["hugs"] = work.masks()
    maps["hugs_plain"] = {
        view.name: at_size(fuse(with_plain_residual(work, view), config.fusion).static, view.size)
        for view in work.capture.views
    }
    true = Work(work.capture, dict(work.renders), fusion=config.fusion)
    for view in work.capture.views:
        true.take_proposal(view.name, Proposal("true", with_silhouettes(work.proposals[view.name].segments, view)))
    maps["silhouettes"] = true.masks()
    return maps


def with_plain_residual(work: Work, view: View) -> FrameCues:
    """The cues of a photo with the paper's residual, which forgives neither blur nor shifts."""
    residual = residual_of(view.image, work.renders[view.name], Residual.between)
    return replace(work.cues(view.name), residual=residual)


def with_silhouettes(segments: npt.NDArray[np.int32], view: View) -> npt.NDArray[np.int32]:
    """The segments with every connected piece of what moves cut out along its true outline as a segment of its own."""
    if view.truth is None or view.truth.all():
        return segments
    count, pieces = cv2.connectedComponents((~view.truth).astype(np.uint8), connectivity=8)
    static = [(segments == number) & view.truth for number in range(int(segments.max()) + 1)]
    masks = np.stack([*static, *(pieces == number for number in range(1, count))])
    return partition(masks[masks.any((1, 2))])


def map_score(masks: Mapping[str, npt.NDArray[np.bool_]], truth: Mapping[str, npt.NDArray[np.bool_]]) -> MapScore:
    """Pixels of all frames counted together."""
    counts = np.zeros(4, np.int64)
    for name, static in truth.items():
        counts += tally(static, masks[name])
    found = agreement(counts)
    return MapScore(*(round(value, 5) for value in (found.miou, found.transient_iou, found.f1, found.recall)))


def trained(capture: Capture, masks: Masks | None, config: FieldConfig, seed: int) -> FieldProgress:
    """The field after all its steps."""
    points = None if capture.structure is None else capture.structure.xyz
    *_, last = train_field(capture.posed, masks, config, np.random.default_rng(seed), points)
    return last


def field_score(capture: Capture, masks: Masks | None, config: FieldConfig, seed: int) -> FieldScore:
    """Trains under ``masks`` and compares pictures of the clean held-out views, in 8 bits."""
    field = trained(capture, masks, config, seed)
    scores = []
    for view in capture.held_out:
        assert view.intrinsics is not None
        assert view.camera_to_world is not None
        whole = np.rint(field.snapshot(view.intrinsics, view.camera_to_world) * 255) / 255
        small = np.rint(field.seen_by(view) * 255) / 255
        truth, less = view.image / 255, reduced(view.image, small.shape[1::-1]) / 255
        corrected = psnr(colour_correct(whole, truth), truth)
        scores.append((psnr(whole, truth), ssim(whole, truth), corrected, psnr(small, less)))
    means = np.mean(scores, axis=0)
    return FieldScore(*(round(float(value), 4) for value in means))
