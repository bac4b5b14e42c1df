"""The HuGS room's functions for scripts: ``gradio_client`` calls the same code that the page runs.

A capture with its stages travels as one file, ``<name>.work.zip``: each function takes it and gives it back with what
was added. Without one, the shipped capture is meant.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from app import service
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels.hugs_given import COLOURS, KNOBS, segmenter_of
from app.scripts import done, in_words, served
from models.hugs.fusion_config import FusionConfig

if TYPE_CHECKING:
    from models.hugs.sample import Sample


def bind() -> None:
    """Offer each of them as /hugs_<name>."""
    for function in (load, structure, residual, segments, fuse, why, correct, masks, export, nerfacto, compare):
        gr.api(function, api_name=f"hugs_{function.__name__}", concurrency_limit=None)


def load(files: list[dict], max_frames: int = 36) -> dict:
    """Load a capture from files (``handle_file``): photos, one zip or one video; projects come as a zip.

    max_frames: of a video, 3 to 300. Returns {"work": file, "photos", "posed", "points", "notes"}.
    """
    from models.hugs.loading import LoadConfig
    from models.hugs.pipeline_files import load_job

    with in_words():
        paths = [service.uploaded(str(one.get("path"))) for one in files if isinstance(one, dict)]
        name = str(files[0].get("orig_name") or "") if len(paths) == 1 else ""
        opened = done(load_job("script", paths, name or None, LoadConfig(max_frames=max_frames))).result()
        return _described(opened)


def structure(work: dict | None = None, keep_cameras: bool = True, with_masks: bool = False, seed: int = 0) -> dict:
    """Structure from motion. keep_cameras: look for points only where every photo has a camera. with_masks: no features
    on what is masked now. Returns as /hugs_load.
    """
    from models.hugs import pipeline

    with in_words():
        opened = _opened(work)
        config = pipeline.SfmConfig(known_poses=None if keep_cameras else False)
        ticket = done(pipeline.sfm_job("script", opened.work, config, seed, with_masks))
        return _described(opened) | {"receipt": _receipt(ticket)}


def residual(work: dict | None = None, steps: int = 800, side: int = 96, seed: int = 0) -> dict:
    """Train a radiance field on all photos and render each. side: longer side in training, in pixels.

    Returns as /hugs_load, with "losses": [[step, loss], ...].
    """
    from models.hugs import pipeline
    from models.hugs.field_config import FieldConfig

    with in_words():
        opened = _opened(work)
        config = FieldConfig(iterations=steps, side=side)
        ticket = done(pipeline.residual_job("script", opened.work, config, seed))
        opened.losses, opened.looks, opened.watched = ticket.result().losses, {}, ""
        return _described(opened) | {"losses": [list(one) for one in opened.losses], "receipt": _receipt(ticket)}


def segments(work: dict | None = None, source: str = COLOURS, ask_features: bool = False) -> dict:
    """Find segments in every photo. source: colours, or nano (RobustSAM's embedded weights).

    ask_features: ask the segmenter at every feature, as the paper does. Returns as /hugs_load, with "found_by" and
    "counts".
    """
    from models.hugs import pipeline
    from models.hugs.proposals import ProposalConfig

    with in_words():
        if source not in (COLOURS, "nano"):
            raise BadInput("The segments", f"cannot come from {source!r}", "Choose colours or nano")
        opened = _opened(work)
        config = ProposalConfig(prompt_features=ask_features)
        ticket = done(pipeline.segments_job("script", opened.work, segmenter_of(source, None, ""), config))
        found = ticket.result()
        told = {"found_by": found.name, "counts": dict(found.counts), "receipt": _receipt(ticket)}
        return _described(opened) | told


def fuse(
    work: dict | None = None,
    frame: str = "",
    track_threshold: int | None = None,
    quantile: float | None = None,
    vote: float | None = None,
    smooth: int | None = None,
    erode: int | None = None,
    gap: int | None = None,
    dedup: float | None = None,
    outliers: bool | None = None,
) -> dict:
    """Fuse one photo (the first when none is named) with the given settings; those not given are the work's own.

    Returns {"frame", "static": PNG file of the photo's size, white is static, "masked": share, "features": how many
    speak, "mean" and "limit" of the residual, "warnings", "scores": against the truth, where known}.
    """
    from models.hugs import sample
    from models.hugs.frame_warnings import warnings_of
    from models.hugs.scores import scores_of

    with in_words():
        opened = _opened(work)
        values = (track_threshold, quantile, vote, smooth, erode, gap, dedup, outliers)
        given: dict[str, Any] = {knob: value for knob, value in zip(KNOBS, values, strict=True) if value is not None}
        opened.work.fusion = replace(opened.work.fusion, **given).checked()
        name = _frame(opened, frame)
        fused = opened.work.fused(name)
        static = sample.png(opened.work.mask(name).astype(np.uint8) * 255)
        scores = {key: vars(found) for key, found in scores_of(opened.work).items()}
        return {
            "frame": name,
            "static": served(download_name(name, "_static.png"), static),
            "masked": fused.masked,
            "features": len(fused.kept),
            "mean": None if np.isnan(fused.mean) else fused.mean,
            "limit": None if np.isnan(fused.limit) else fused.limit,
            "warnings": [one.said for one in warnings_of(opened.work.cues(name), fused)],
            "scores": scores,
        }


def why(work: dict | None = None, frame: str = "", x: int = 0, y: int = 0) -> dict:
    """Why is the pixel in column x, row y static or not? With the settings and corrections kept in the work.

    Pixels are those of the frame as it is fused, at most 512 on the longer side. Returns {"static", "sentence",
    "segment", "rows": [{"step", "question", "found", "static"}]}.
    """
    with in_words():
        opened = _opened(work)
        name = _frame(opened, frame)
        reason = opened.work.why(name, x, y)
        rows = [vars(row) for row in reason.rows]
        return {"static": reason.static, "sentence": reason.sentence, "segment": reason.segment, "rows": rows}


def correct(
    work: dict | None = None, frame: str = "", segment: int = 0, decision: str = "moves", neighbours: int = 0
) -> dict:
    """Set a segment of a frame to "static" or "moves", or give it back to the vote ("auto").

    neighbours: carry the frame's corrections so many photos either way. Returns as /hugs_load, with "corrections".
    """
    from models.hugs.pipeline_files import corrections_of
    from models.hugs.propagate import spread

    with in_words():
        choices: dict[str, bool | None] = {"moves": False, "static": True, "auto": None}
        if decision not in choices:
            raise BadInput("The decision", f"{decision!r} does not exist", "Choose moves, static or auto")
        opened = _opened(work)
        name = _frame(opened, frame)
        opened.work.force(name, segment, choices[decision])
        if neighbours > 0:
            opened.work.forced = spread(opened.work, name, neighbours)[0]
        return _described(opened) | {"corrections": corrections_of(opened.work)}


def masks(files: list[dict], work: dict | None = None, kind: str = "static") -> dict:
    """Use masks made elsewhere instead of the fused ones: PNG files named after the photos, or one zip of them.

    kind: static (white is used) or inverted (white is ignored). Returns as /hugs_load, with "replaced": names.
    """
    from models.hugs.pipeline_files import own_masks_job

    with in_words():
        opened = _opened(work)
        paths = [service.uploaded(str(one.get("path"))) for one in files if isinstance(one, dict)]
        found = done(own_masks_job("script", opened.work, paths, kind)).result()
        opened.work.take_own({**opened.work.own, **found})
        return _described(opened) | {"replaced": sorted(found)}


def nerfacto(work: dict | None = None, steps: int = 5000) -> dict:
    """Train nerfacto on the export, where the server has nerfstudio.

    Returns {"psnr" in dB, "ssim", "lpips", "steps"}.
    """
    from models.hugs.pipeline_nerfstudio import nerfacto_job

    with in_words(), tempfile.TemporaryDirectory(prefix="vitrine-nerfstudio-") as folder:
        opened = _opened(work)
        found = done(nerfacto_job("script", opened.work, Path(folder), steps)).result()
        scored = found.trained
        return {"psnr": scored.psnr, "ssim": scored.ssim, "lpips": scored.lpips, "steps": found.steps}


def export(
    work: dict | None = None, formats: list[str] | None = None, full_size: bool = True, settings: dict | None = None
) -> dict:
    """Export masks as a zip. Returns a file.

    formats: of static, inverted, colmap, nerfstudio, gsplat, overlay. settings: names of /hugs_fuse with values,
    instead of those kept in the work.
    """
    from models.hugs.pipeline_files import export_job

    with in_words():
        opened = _opened(work)
        if settings:
            unknown = set(settings) - set(FusionConfig.__dataclass_fields__)
            if unknown:
                raise BadInput("The settings", f"have no {sorted(unknown)[0]!r}", "Use the names of /hugs_fuse")
            opened.work.fusion = replace(opened.work.fusion, **settings).checked()
        with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
            target = Path(folder) / download_name(opened.work.capture.name, "_masks.zip")
            done(export_job("script", opened.work, target, tuple(formats or ("static",)), full_size))
            return served(target.name, target.read_bytes())


def compare(
    work: dict | None = None, which: list[str] | None = None, steps: int = 400, side: int = 96, seed: int = 0
) -> dict:
    """Train the same radiance field with each set of masks: none, hugs, true (where known), and score held-out views.

    Returns {"fields": [{"masks", "psnr" in dB, "ssim"}], "steps", "seed", "receipt"}; scores are null without
    such views.
    """
    from app.panels.hugs_compare_view import figures
    from models.hugs.field_config import FieldConfig
    from models.hugs.pipeline_compare import compare_job

    with in_words():
        opened = _opened(work)
        asked = tuple(which or ("none", "hugs"))
        ticket = done(compare_job("script", opened.work, FieldConfig(iterations=steps, side=side), seed, asked))
        result = ticket.result()
        return {"fields": figures(result), "steps": result.steps, "seed": result.seed, "receipt": _receipt(ticket)}


def _opened(work: Mapping[str, Any] | None) -> Sample:
    from models.hugs import sample
    from models.hugs.pipeline_files import WORK_ENDING

    if work is None:
        return sample.load()
    if not isinstance(work, dict) or not work.get("path"):
        raise BadInput("The work", "is not a file", f"Pass handle_file of a {WORK_ENDING} that /hugs_load returned")
    return sample.load(service.uploaded(str(work["path"])))


def _frame(opened: Sample, name: str) -> str:
    chosen = name or opened.work.names[0]
    opened.work.frame(chosen)
    return chosen


def _described(opened: Sample) -> dict[str, Any]:
    from models.hugs import sample
    from models.hugs.pipeline_files import WORK_ENDING

    capture = opened.work.capture
    with tempfile.TemporaryDirectory(prefix="vitrine-") as folder:
        target = Path(folder) / download_name(capture.name, WORK_ENDING)
        sample.save(opened, target)
        file = served(target.name, target.read_bytes())
    return {
        "work": file,
        "photos": len(capture.views),
        "posed": len(capture.posed),
        "points": 0 if capture.structure is None else len(capture.structure.ids),
        "notes": list(capture.notes),
    }


def _receipt(ticket: Any) -> dict[str, Any]:
    return json.loads(json.dumps(ticket.receipt.as_dict(), default=str)) if ticket.receipt is not None else {}
