"""The inside tab for scripts: /robust_sam_inside."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils
from gradio import utils as gradio_utils

from app import service
from app.panels.robust_sam_handlers import checked_degradation
from app.panels.robust_sam_inside import files, inside_request
from app.panels.robust_sam_jobs import described
from app.panels.robust_sam_sweep import about_of
from app.panels.robust_sam_sweep_api import scripted
from app.scripts import in_words
from models.robust_sam import inside_export


def bind() -> None:
    """Offer the function under /robust_sam_inside."""
    gr.api(inside, api_name="robust_sam_inside", concurrency_limit=None)


def inside(
    image: dict,
    points: list[list[float]],
    labels: list[int],
    box: list[float] | None = None,
    kind: str = "",
    severity: float = 0.0,
    seed: int = 0,
    checkpoint: str = "nano",
) -> dict:
    """What RobustSAM's feature cleaners and output tokens do to one picture.

    image, points, labels, box: as for /robust_sam_segment; kind, severity, seed: a degradation to look at, "" for the
    photo as it is. Returns {"cleaners": numbers of the three cleaners, "attention": padding shares, "missing": what
    these weights lack, "npz": file with every array, "png": file with every picture, "receipt"}.
    """
    with in_words():
        session = scripted(image, points, labels, box, checkpoint, seed)
        session.degradation = checked_degradation(kind, severity, seed)
        job, photo = inside_request(session)
        ticket = service.runtime().submit(job)
        view = ticket.result()
        receipt = ticket.receipt.as_dict() if ticket.receipt is not None else {}
        about = about_of(session) | {"degradation": described(session.degradation), "receipt": receipt}
        with tempfile.TemporaryDirectory() as folder:
            png, npz = files(view, photo, about, Path(folder))
            return about | inside_export.as_dict(view) | {"png": _served(png), "npz": _served(npz)}


def _served(path: Path) -> dict[str, Any]:
    """``path`` copied to where gradio serves files from."""
    kept = processing_utils.save_file_to_cache(path, gradio_utils.get_upload_folder())
    return {"path": kept, "orig_name": path.name, "size": path.stat().st_size, "meta": {"_type": "gradio.FileData"}}
