"""Projects for scripts: create, list, import, export, agreement under /robust_sam_project_*."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from app import service
from app.annotate.agreement import agreement
from app.annotate.labels import labels_from
from app.annotate.project_export import matched, read_dataset, suffix_of
from app.annotate.project_images import add_images, in_files
from app.guard.errors import BadInput
from app.guard.paths import download_name
from app.panels.robust_sam_project_export import Masks
from app.panels.robust_sam_project_files import exported, take_annotations
from app.panels.robust_sam_project_folders import shelf
from app.panels.robust_sam_session import Session
from app.scripts import in_words, served


def bind() -> None:
    """Offer the functions under /robust_sam_project_create, _list, _import, _export and _agreement."""
    offered = {"create": create, "list": listed, "import": bring_in, "export": export, "agreement": compare}
    for name, function in offered.items():
        gr.api(function, api_name=f"robust_sam_project_{name}", concurrency_limit=None)


def create(name: str, files: list[dict], labels: list[str] | None = None) -> dict:
    """Make an annotation project of images.

    files: images or zips of images (``handle_file``). labels: the classes. Returns {"id", "images", "skipped":
    [[name, reason], ...]}.
    """
    with in_words():
        project = shelf().make(name, labels=labels_from(labels or []))
        added = add_images(project, in_files([_upload(file) for file in files]))
        return {
            "id": shelf().id_of(project.folder),
            "images": len(added.images),
            "skipped": [list(one) for one in added.skipped],
        }


def listed() -> list[dict]:
    """The projects of this machine: [{"id", "name", "images", "done", "objects"}, ...], the newest first."""
    told: list[dict[str, Any]] = []
    for one in shelf().listed():
        if one.problem:
            continue
        project = shelf().open(one.id)
        trails = [project.trail(entry.id) for entry in project.images]
        told.append(
            {
                "id": one.id,
                "name": one.name,
                "images": one.images,
                "done": sum(trail.status == "done" for trail in trails),
                "objects": sum(trail.objects for trail in trails),
            }
        )
    return told


def bring_in(project: str, file: dict) -> str:
    """Import annotations of images that the project has: COCO, Label Studio, YOLO, PNG, npy. Returns a sentence."""
    with in_words():
        path, name = _upload(file)
        return take_annotations(shelf().open(project), path, name, "script")


def export(project: str, form: str = "coco", scope: str = "") -> dict:
    """Export a project. Returns a file.

    form: coco, coco_polygon, yolo, label_studio, png, rgba, npy or npz. scope "done": only images marked as done.
    """
    with in_words(), tempfile.TemporaryDirectory() as folder:
        opened = shelf().open(project)
        path = Path(folder) / download_name(opened.manifest.name, suffix_of(form), "project")
        exported(opened, Session("script"), form, scope, path)
        return served(path.name, path.read_bytes())


def compare(project: str, file: dict) -> list[dict]:
    """How far a project agrees with another annotator's file (COCO, Label Studio, YOLO, PNG, npy), image by image.

    Objects are matched by IoU of at least 0.5. Returns [{"image", "matched", "only_project", "only_file", "mean_iou",
    "f1", "kappa"}, ...]; null where there is nothing to compare.
    """
    with in_words():
        opened, (path, name) = shelf().open(project), _upload(file)
        masks, notes = Masks(opened, "script"), list[tuple[str, str]]()
        told = []
        for match in matched(opened, read_dataset(path, name), notes):
            found = agreement(tuple(masks.of(match.entry, notes)), match.objects)
            told.append(
                {
                    "image": match.entry.name,
                    "matched": len(found.pairs),
                    "only_project": found.only_first,
                    "only_file": found.only_second,
                    "mean_iou": found.mean_iou,
                    "f1": found.f1,
                    "kappa": found.kappa,
                }
            )
        return told


def _upload(file: dict) -> tuple[Path, str]:
    if not isinstance(file, dict) or not file.get("path"):
        raise BadInput("The file", "is not a file", "Pass gradio_client.handle_file(path)")
    return service.uploaded(str(file["path"])), str(file.get("orig_name") or "file")
