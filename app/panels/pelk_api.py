"""The room's functions for scripts: ``gradio_client`` calls the same code that the page runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr

from app import service
from app.guard.errors import BadInput
from app.panels import pelk_examples, pelk_field, pelk_field_view, pelk_tasks
from app.room import receipt_of
from app.scripts import done, in_words, served
from models.pelk import designer, export
from models.pelk import pipeline_drawings as drawings
from models.pelk.designer import KernelSpec
from models.pelk.designer_embedding import Form, identity


def bind() -> None:
    """Offer /pelk_design, _curve, _export, _time, _fields, _follow, _segment and _score."""
    for function in (design, curve, export_kernel, time, fields, follow, segment, score):
        name = function.__name__.removesuffix("_kernel")
        gr.api(function, api_name=f"pelk_{name}", concurrency_limit=None)


def design(
    kernel: int = 51,
    centre_radius: int = 2,
    base: float = 2.0,
    merge_tail: bool = False,
    bins: str = "",
    height: int = 56,
    width: int = 56,
    channels: int = 96,
    seed: int = 0,
    embedding: str = "literal",
) -> dict:
    """Design a peripheral kernel: grid, counts, multiply-adds, the embedding's effect.

    kernel: odd, 3 to 151. centre_radius: 0 to 5. base: growth of the bins, 1.5 to 3. merge_tail: join a last bin of
    width 1. bins: the whole grid as text instead, must sum to kernel. height, width, channels: the feature map that
    multiply-adds are counted for. seed: of the drawn weights. embedding: none, literal or masked.
    """
    with in_words():
        made = designer.design(KernelSpec(kernel, centre_radius, base, merge_tail, bins, height, width, channels, seed))
        found = identity(made, _form(embedding))
        effect = {"form": found.form, "bias": found.bias, "difference": found.difference, "said": found.said}
        return made.as_dict() | {"embedding": effect}


def curve(centre_radius: int = 2, base: float = 2.0, merge_tail: bool = False) -> dict:
    """Weights per channel for every odd kernel size from 3 to 151: dense, two stripes, peripheral."""
    with in_words():
        found = designer.curve(centre_radius, base, merge_tail)
        return {
            "kernels": list(found.kernels),
            "dense": list(found.dense),
            "stripe": list(found.stripe),
            "peripheral": list(found.peripheral),
        }


def export_kernel(
    form: str = "npz",
    kernel: int = 51,
    centre_radius: int = 2,
    base: float = 2.0,
    merge_tail: bool = False,
    bins: str = "",
    height: int = 56,
    width: int = 56,
    channels: int = 96,
    seed: int = 0,
) -> dict:
    """Save a designed kernel. Returns a file.

    form: npz, npy, json, csv, png, py (a layer that needs torch alone) or onnx. The rest as for /pelk_design.
    """
    with in_words():
        made = designer.design(KernelSpec(kernel, centre_radius, base, merge_tail, bins, height, width, channels, seed))
        return served(*export.exported(made, form))


def time(
    kernel: int = 51,
    centre_radius: int = 2,
    base: float = 2.0,
    merge_tail: bool = False,
    bins: str = "",
    height: int = 56,
    width: int = 56,
    channels: int = 96,
    seed: int = 0,
    seconds: float = 5.0,
) -> dict:
    """Time every form of the convolution on this machine, within ``seconds`` (0.2 to 60).

    The rest as for /pelk_design. Returns {"rows": [{"name", "milliseconds", "median", "error", "rounds", "skipped",
    "chosen"}], "threads", "device", "steady", "receipt", ...}; milliseconds is null where a form was not run.
    """
    from models.pelk.pipeline_timing import timing_job

    with in_words():
        spec = KernelSpec(kernel, centre_radius, base, merge_tail, bins, height, width, channels, seed)
        ticket = done(timing_job("script", spec, seconds))
        return ticket.result().as_dict() | {"receipt": receipt_of(ticket)}


def fields(
    image: dict,
    source: str = "pathfinder",
    size: int = 128,
    views: int = 1,
    seed: int = 0,
    checkpoint: dict | None = None,
) -> dict:
    """Effective receptive fields by depth, for three kernel sizes, or of a checkpoint of yours.

    image: a file (``handle_file``); its middle square is resized to ``size`` (96, 128, 224, 256, 384 or 512
    px). source: pathfinder or segmentation (trained networks), untrained, or file. views: 1 to 16, the picture and
    small shifts, averaged. checkpoint: a ConvNeXt, SLaK or RepLKNet file for source "file". Returns area scores of
    every network and layer, "csv" and "png" files, and the receipt.
    """
    from models.pelk.pipeline_fields import fields_job

    with in_words():
        picture = pelk_examples.opened(_uploaded(image), _name(image))
        own = None
        if checkpoint is not None:
            own = pelk_field.through_the_door(_uploaded(checkpoint), _name(checkpoint))
        source_of: Any = source
        ticket = done(fields_job("script", picture.image, picture.digest, source_of, size, views, seed, own))
        found, receipt = ticket.result(), receipt_of(ticket)
        saved = pelk_field_view.saved(found, picture.name, receipt)
        files = {form: served(f"{saved.stem}.{form}", saved.files[form]) for form in ("csv", "png")}
        return found.as_dict() | files | {"receipt": receipt}


def follow(
    strokes: list[list[list[float]]] | None = None,
    dots: list[list[float]] | None = None,
    seed: int = 0,
    length: int = 12,
    run: int = 0,
) -> dict:
    """Ask three networks whether one curve joins two dots.

    strokes: [[[x, y], ...], ...] curves of a drawing in pixels of 96 x 96, with its two dots; without them a picture is
    made from seed and length (6 to 14 dashes). run: which training run answers; 0 ships, 1 and 2 are there where they
    were trained. Returns {"answers": [{"network", "parameters", "one_curve_probability", "truth", "milliseconds"}],
    "strokes", "dots", "png", "receipt"}.
    """
    from models.pelk.pipeline_tasks import path_job

    with in_words():
        truth = None
        if strokes is None:
            image, drawing, truth = drawings.sampled_path(pelk_tasks.seed_of(seed), length)
        else:
            drawing = drawings.drawing_of(strokes, dots)
            image = drawing.image()
        ticket = done(path_job("script", image, run=run))
        receipt = receipt_of(ticket)
        saved = pelk_tasks.path_files(image, ticket.result(), drawing.as_dict(), truth, receipt)
        return _answered(saved)


def segment(seed: int = 0, paints: list[dict] | None = None, run: int = 0) -> dict:
    """Ask three networks what is what in a room.

    seed: of the room. paints: [{"color": "#rrggbb", "width": pixels, "path": [[x, y], ...]}] strokes over it. run: as
    for /pelk_follow. Returns {"answers": [{"network", "parameters", "mean_iou", "pixel_accuracy", "milliseconds"}],
    "png", "receipt"}; scores are empty for painted rooms, whose truth nobody knows.
    """
    from models.pelk.pipeline_tasks import room_job

    with in_words():
        image, truth = drawings.sampled_room(pelk_tasks.seed_of(seed))
        strokes = drawings.paints_of(paints or [])
        shown = drawings.painted_room(image, strokes)
        known = None if strokes else truth
        ticket = done(room_job("script", shown, known, run=run))
        message = pelk_tasks.room_message(shown, strokes, seed, 0)
        return _answered(pelk_tasks.room_files(shown, ticket.result(), known, message, receipt_of(ticket)))


def score(task: str = "pathfinder", pictures: int = 100, first_seed: int = 0, run: int = 0) -> dict:
    """Score three networks on new pictures, 10 to 1000.

    task: pathfinder (share of right answers by length) or segmentation (IoU by class). Returns {"rows": [{"variant",
    "title", "group", "value", "low", "high", "count"}], "measure", "pictures", "receipt"}.
    """
    from models.pelk.pipeline_tasks import score_job

    with in_words():
        wanted: Any = task
        ticket = done(score_job("script", wanted, pictures, pelk_tasks.seed_of(first_seed), run))
        return ticket.result().as_dict() | {"receipt": receipt_of(ticket)}


def _form(embedding: str) -> Form:
    wanted: Any = embedding
    return wanted


def _answered(saved: Any) -> dict[str, Any]:
    return json.loads(saved.files["json"]) | {"png": served(f"{saved.stem}.png", saved.files["png"])}


def _name(file: dict) -> str:
    return str(file.get("orig_name") or "file") if isinstance(file, dict) else "file"


def _uploaded(file: dict) -> Path:
    if not isinstance(file, dict) or not file.get("path"):
        raise BadInput("The file", "is none", "Pass gradio_client.handle_file(path)")
    return service.uploaded(str(file["path"]))
