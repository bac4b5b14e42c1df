"""The batch for scripts: ``gradio_client`` calls the same code that the page runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from app import service
from app.guard.errors import BadInput, shown_name
from app.panels.robust_sam_batch import Page, fresh_folder
from app.panels.robust_sam_batch_run import FILE_NAME, Report, run, settings_of
from app.panels.robust_sam_batch_sources import Photos
from models.robust_sam.batch import Stop
from models.robust_sam.batch_prompts import PromptTable, read_prompts
from models.runtime import RuntimeProblem


def bind() -> None:
    """Offer the function under /robust_sam_batch."""
    gr.api(batch, api_name="robust_sam_batch", concurrency_limit=None)


def batch(
    photos: list[dict],
    prompts: dict | None = None,
    form: str = "coco",
    branch: str = "robust",
    mode: str = "prompts",
    points_per_side: int = 16,
    checkpoint: str = "nano",
) -> dict:
    """Segment many photos and pack the masks.

    photos: files (``handle_file``), images or zips of images. prompts: a CSV file (image,x0,y0,x1,y1,label or
    image,object,x,y,add,label) or a COCO JSON file; null with mode "everything". form: coco, coco_polygon, yolo,
    label_studio, png, rgba, npy or npz. Returns {"archive": zip file, "photos", "done", "failed", "objects",
    "errors": [[image, reason], ...], "unknown": names of the prompts file that fit no photo, "problem": ""}.
    """
    try:
        if checkpoint != "nano":
            raise BadInput(checkpoint, "is not an embedded checkpoint", "Choose nano, or load a file in the page")
        values = {"branch": branch, "mode": mode, "points_per_side": points_per_side, "checkpoint": checkpoint}
        table = PromptTable()
        if mode == "prompts":
            if prompts is None:
                raise BadInput("The prompts file", "is missing", "Give a CSV or COCO file, or mode everything")
            path, name = _given(prompts)
            table = read_prompts(path.read_bytes(), name)
        with Photos() as found:
            found.add_files([_given(photo) for photo in photos])
            *_, report = run(found, table, settings_of(values, "script"), form, fresh_folder(Page("script")), Stop())
    except (ValueError, OSError, RuntimeProblem) as error:
        raise gr.Error(str(error), print_exception=False) from error
    return _told(report)


def _given(file: Any) -> tuple[Path, str]:
    """(path, name) of an uploaded file; raises BadInput for anything else."""
    if not isinstance(file, dict) or not file.get("path"):
        raise BadInput("The file", "is not one", "Pass gradio_client.handle_file(path)")
    path = service.uploaded(str(file["path"]))
    return path, shown_name(str(file.get("orig_name") or path.name))


def _told(report: Report) -> dict[str, Any]:
    archive = None
    if report.archive is not None:
        size = report.archive.stat().st_size
        meta = {"_type": "gradio.FileData"}
        archive = {"path": str(report.archive), "orig_name": FILE_NAME, "size": size, "meta": meta}
    return {
        "archive": archive,
        "photos": report.total,
        "done": report.done,
        "failed": report.failed,
        "objects": report.objects,
        "errors": [[row.image, row.error] for row in report.errors],
        "unknown": list(report.unknown),
        "problem": report.problem,
    }
