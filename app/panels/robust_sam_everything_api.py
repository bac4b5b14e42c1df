"""Everything mode for scripts: ``/robust_sam_everything`` runs what the page runs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from app import service
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels import robust_sam_everything_run as running
from app.panels import robust_sam_everything_view as view
from app.panels.robust_sam_api import _name, _photo
from app.panels.robust_sam_session import Session
from app.scripts import in_words, served
from models.robust_sam.everything_config import EverythingConfig


def bind() -> None:
    """Offer the function under /robust_sam_everything."""
    gr.api(everything, api_name="robust_sam_everything", concurrency_limit=None)


def everything(image: dict, branch: str = "robust", settings: dict | None = None, checkpoint: str = "nano") -> dict:
    """Find all objects of a photo with plain SAM, RobustSAM or both.

    image: a file (``handle_file``). branch: sam, robust or both. settings: values of EverythingConfig by name, as
    {"points_per_side": 16, "iou_threshold": 0.7}; what is left out keeps its default. Returns {"results": [...],
    "csv": file, "coco": file}; each result has "branch", "segments" (number, area in pixels, bbox x, y, width, height,
    predicted_iou, stability, point, crop), "labels" (PNG label map file) and "milliseconds".
    """
    with in_words():
        if checkpoint != "nano":
            raise BadInput(checkpoint, "is not an embedded checkpoint", "Choose nano, or load a file in the page")
        session = Session("script")
        session.set_photo(_photo(image))
        config = _config(settings or {})
        found, receipts = [], []
        for name in running.branches_of(branch, session.has_robust):
            ticket = service.runtime().submit(running.request(session, name, config))
            found.append(ticket.result())
            receipts.append(ticket.receipt.as_dict() if ticket.receipt is not None else {})
        said = running.about(session, receipts)
        photo = _name(image)
        results: list[dict[str, Any]] = [
            {
                "branch": result.branch,
                "segments": result.table(),
                "labels": served(download_name(photo, f"_everything_{result.branch}.png"), view.as_png(result, said)),
                "milliseconds": result.milliseconds,
            }
            for result in found
        ]
        return {
            "results": results,
            "csv": served(download_name(photo, "_everything.csv"), view.as_csv(found)),
            "coco": served(download_name(photo, "_everything.json"), view.as_coco(found, photo, said)),
        }


def _config(settings: dict[str, Any]) -> EverythingConfig:
    unknown = set(settings) - set(EverythingConfig.__dataclass_fields__)
    if unknown:
        known = ", ".join(EverythingConfig.__dataclass_fields__)
        raise BadInput("The settings", f"have no {sorted(unknown)[0]!r}", f"Choose among {known}")
    return EverythingConfig(**settings).checked()
