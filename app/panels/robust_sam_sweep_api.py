"""The severity tab for scripts: /robust_sam_sweep and /robust_sam_radar run the jobs the page runs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import service
from app.guard.errors import BadInput
from app.panels.robust_sam_examples import read_photo
from app.panels.robust_sam_handlers import checked_degradation
from app.panels.robust_sam_session import Degradation, Session
from app.panels.robust_sam_sweep import AUTOMATIC, FILE, OWN, Mode, about_of, sweep_request
from app.scripts import in_words
from models.robust_sam import sweep_export
from models.robust_sam.sweep_types import SEVERITIES


def bind() -> None:
    """Offer the functions under /robust_sam_sweep and /robust_sam_radar."""
    for name, function in (("sweep", sweep), ("radar", radar)):
        gr.api(function, api_name=f"robust_sam_{name}", concurrency_limit=None)


def sweep(
    image: dict,
    points: list[list[float]],
    labels: list[int],
    box: list[float] | None = None,
    kind: str = "fog",
    severities: list[float] | None = None,
    seeds: int = 1,
    first_seed: int = 0,
    truth: dict | None = None,
    reference: str = "auto",
    checkpoint: str = "nano",
) -> dict:
    """IoU of plain SAM and of RobustSAM against the severity of one degradation, for one object.

    image, points, labels, box: as for /robust_sam_segment. kind: one of the 15 names. severities: numbers in 0..1.5,
    default 0, 0.25, ... 1.5. seeds: 1 to 5, the first being first_seed. truth: a mask file of the photo's size, white
    on black, taken as true; without one, reference "auto" takes our own true mask of a shipped photo, and "own", or a
    photo without one, each branch's mask of the clean photo (consistency only). Returns {"mode", "reference": {"kind",
    "is_accuracy", "title"}, "points": [{"severity", "gain", "sam": {"mean", "low", "high", "iou"}, "robust": ...}],
    "receipt", ...}.
    """
    with in_words():
        session = scripted(image, points, labels, box, checkpoint, first_seed)
        return _measured(session, "severity", kind, 1.0, seeds, truth, reference, severities or list(SEVERITIES))


def radar(
    image: dict,
    points: list[list[float]],
    labels: list[int],
    box: list[float] | None = None,
    severity: float = 1.0,
    seeds: int = 1,
    first_seed: int = 0,
    truth: dict | None = None,
    reference: str = "auto",
    checkpoint: str = "nano",
) -> dict:
    """IoU of plain SAM and of RobustSAM for all 15 degradations at one severity. Arguments as /robust_sam_sweep."""
    with in_words():
        session = scripted(image, points, labels, box, checkpoint, first_seed)
        return _measured(session, "radar", "fog", severity, seeds, truth, reference, list(SEVERITIES))


def _measured(
    session: Session,
    mode: Mode,
    kind: str,
    severity: float,
    seeds: int,
    truth: dict | None,
    reference: str,
    severities: list[float],
) -> dict[str, Any]:
    if reference not in (AUTOMATIC, OWN):
        raise BadInput(
            "The reference", f"{reference!r} does not exist", f"Choose {AUTOMATIC} or {OWN}, or give a truth"
        )
    file = None
    if truth is not None:
        if not isinstance(truth, dict) or not truth.get("path"):
            raise BadInput("The truth", "is not a file", "Pass gradio_client.handle_file(path)")
        file, reference = str(service.uploaded(str(truth["path"]))), FILE
    job = sweep_request(session, mode, kind, severity, int(seeds), reference, file, severities)
    ticket = service.runtime().submit(job)
    result = ticket.result()
    receipt = ticket.receipt.as_dict() if ticket.receipt is not None else {}
    return sweep_export.as_dict(result, about_of(session) | {"receipt": receipt})


def scripted(
    image: dict, points: list[list[float]], labels: list[int], box: list[float] | None, checkpoint: str, seed: int
) -> Session:
    """A session of its own with one object on one photo. Raises BadInput and BadPrompt."""
    if checkpoint != "nano":
        raise BadInput(checkpoint, "is not an embedded checkpoint", "Choose nano, or load a file in the page")
    if len(points) != len(labels):
        raise BadInput("The labels", f"are {len(labels)} for {len(points)} points", "Give one label for each point")
    if any(len(point) != 2 for point in points) or (box is not None and len(box) != 4):
        raise BadInput("The prompts", "have the wrong form", "A point is a pair [x, y], a box is [x0, y0, x1, y1]")
    if not isinstance(image, dict) or not image.get("path"):
        raise BadInput("The image", "is not a file", "Pass gradio_client.handle_file(path)")
    name = str(image.get("orig_name") or "photo")
    path = str(image["path"])
    session = Session("script")
    session.set_photo(read_photo(service.uploaded(path), name, {"upload": path, "name": name}))
    session.degradation = Degradation("", checked_degradation("", 0.0, seed).severity, int(seed))
    actions: list[dict[str, Any]] = [
        {"do": "point", "x": x, "y": y, "label": label} for (x, y), label in zip(points, labels, strict=True)
    ]
    if box is not None:
        actions.append({"do": "box"} | dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)))
    session.act(actions, 0)
    return session
