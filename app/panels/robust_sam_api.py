"""The room's functions for scripts: ``gradio_client`` calls the same code that the page runs."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import gradio as gr
import numpy as np
import numpy.typing as npt
from PIL import Image

from app import service
from app.annotate import exporters
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.palette import OBJECT_COLORS, rgb
from app.panels.robust_sam_examples import read_photo
from app.panels.robust_sam_handlers import checked_degradation, full_answer
from app.panels.robust_sam_jobs import degrade_request
from app.panels.robust_sam_session import Answer, Photo, Seen, Session
from app.scripts import in_words, served


def bind() -> None:
    """Offer the functions under /robust_sam_segment, /robust_sam_degrade and /robust_sam_export."""
    for name, function in (("segment", segment), ("degrade", degrade), ("export", export)):
        gr.api(function, api_name=f"robust_sam_{name}", concurrency_limit=None)


def segment(
    image: dict,
    points: list[list[float]],
    labels: list[int],
    box: list[float] | None = None,
    checkpoint: str = "nano",
    refine: bool = False,
    painting: dict | None = None,
    strokes: list[dict] | None = None,
) -> dict:
    """Segment one object with plain SAM and with RobustSAM.

    image: a file (``handle_file``). points: [[x, y], ...] in pixels of the photo. labels: 1 adds, 0 removes, one for
    each point. box: [x0, y0, x1, y1] or null. refine: answer each click with the mask before it as a prompt too.
    painting: a picture of the photo's shape, not black where the object is, as a prompt. strokes: [{"mode": 1 paints or
    0 erases, "radius": pixels, "path": [x0, y0, x1, y1, ...]}] over the masks; not together with a painting.

    Returns {"sam": ..., "robust": ..., "receipt": ...}; each branch has "mask" (PNG file of the photo's size),
    "confidence" (predicted IoU), "area" (pixels) and "milliseconds".
    """
    session, answer = _segmented(image, points, labels, box, checkpoint, refine, painting, strokes)
    name = session.photo.name if session.photo else ""
    told: dict[str, Any] = {"receipt": dict(answer.receipt)}
    for key, branch in answer.branches.items():
        told[key] = {
            "mask": served(download_name(name, f"_{key}.png"), _png(branch.mask.astype(np.uint8) * 255)),
            "confidence": branch.confidence,
            "area": branch.area,
            "milliseconds": branch.milliseconds,
        }
    return told


def degrade(image: dict, kind: str, severity: float = 1.0, seed: int = 0) -> dict:
    """Degrade a photo as the page does. Returns a PNG file.

    kind: one of the 15 names of models.parts.degradations; severity: 0 to 1.5, 1 is the paper's strength.
    """
    with in_words():
        session = Session("script")
        session.degradation = checked_degradation(kind, severity, seed)
        session.set_photo(_photo(image))
        seen = Seen(*service.runtime().submit(degrade_request(session)).result())
        return served(download_name(_name(image), f"_{kind}.png"), _png(seen.image))


def export(
    image: dict,
    points: list[list[float]],
    labels: list[int],
    box: list[float] | None = None,
    form: str = "png",
    branch: str = "robust",
    checkpoint: str = "nano",
    refine: bool = False,
    painting: dict | None = None,
    strokes: list[dict] | None = None,
) -> dict:
    """Segment one object, as /robust_sam_segment does, and export its mask. Returns a file.

    form: png, rgba, coco, coco_polygon, yolo, label_studio, npy or npz; branch: robust or sam.
    """
    session, answer = _segmented(image, points, labels, box, checkpoint, refine, painting, strokes)
    with in_words():
        if form not in exporters.FORMATS:
            raise BadInput("The format", f"{form!r} does not exist", f"Choose one of {', '.join(exporters.FORMATS)}")
        if branch not in answer.branches or session.photo is None:
            known = ", ".join(answer.branches)
            raise BadInput("The branch", f"{branch!r} is not in these weights", f"Choose one of {known}")
        thing = exporters.MaskObject("Object 1", answer.branches[branch].mask, rgb(OBJECT_COLORS[0]))
        data = exporters.FORMATS[form].export([thing], session.photo.image, {**answer.receipt, "branch": branch})
        return served(download_name(session.photo.name, exporters.FORMATS[form].suffix), data)


def _segmented(
    image: dict,
    points: list[list[float]],
    labels: list[int],
    box: list[float] | None,
    checkpoint: str,
    refine: bool,
    painting: dict | None,
    strokes: list[dict] | None,
) -> tuple[Session, Answer]:
    with in_words():
        if checkpoint != "nano":
            raise BadInput(checkpoint, "is not an embedded checkpoint", "Choose nano, or load a file in the page")
        if len(points) != len(labels):
            raise BadInput("The labels", f"are {len(labels)} for {len(points)} points", "Give one label for each point")
        if any(len(point) != 2 for point in points) or (box is not None and len(box) != 4):
            raise BadInput("The prompts", "have the wrong form", "A point is a pair [x, y], a box is [x0, y0, x1, y1]")
        session = Session("script")
        session.set_photo(_photo(image))
        if painting is not None and strokes:
            raise BadInput(
                "The painting", "came with strokes", "Give one of the two: a prompt, or a change of the masks"
            )
        if painting is not None and session.photo is not None:
            given = read_photo(service.uploaded(str(painting.get("path"))), _name(painting), {}).image
            painted = np.asarray(given.any(axis=2), bool)
            session.load_objects(session.history.now, {session.history.now.active: painted})
        actions: list[dict[str, Any]] = [{"do": "refine", "on": refine}, {"do": "paint_prompt", "on": bool(painting)}]
        actions += [
            {"do": "point", "x": x, "y": y, "label": label} for (x, y), label in zip(points, labels, strict=True)
        ]
        if box is not None:
            actions.append({"do": "box"} | dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)))
        actions += [{**stroke, "do": "stroke"} for stroke in strokes or ()]
        session.act(actions, 0)
        current = session.history.now.current
        if not current.drawn:
            raise BadInput("The prompts", "add nothing", "Give a box, a point with label 1, or a painting")
        return session, full_answer(session, current)


def _name(image: dict) -> str:
    return str(image.get("orig_name") or "photo") if isinstance(image, dict) else "photo"


def _photo(image: dict) -> Photo:
    if not isinstance(image, dict) or not image.get("path"):
        raise BadInput("The image", "is not a file", "Pass gradio_client.handle_file(path)")
    path, name = str(image["path"]), _name(image)
    return read_photo(service.uploaded(path), name, {"upload": path, "name": name})


def _png(values: npt.NDArray[np.uint8]) -> bytes:
    data = BytesIO()
    Image.fromarray(values).save(data, "PNG")
    return data.getvalue()
