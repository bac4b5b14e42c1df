"""What the project tool shows, as plain values: app/assets/js/project_*.js draws it."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from app.annotate.project import ImageEntry
from app.annotate.store import Project
from app.frame import Problem
from app.panels.robust_sam_project_desk import Desk
from app.wording import seconds_text

PAGE = 48
"""Images in the strip at once."""
FILTERS = ("", "todo", "work", "done", "missing")


def message(desk: Desk, *, told: str = "", problem: Problem | None = None, busy: str = "") -> dict[str, Any]:
    """Everything the tool draws; without an open project the list of projects."""
    shown: dict[str, Any] = {"told": told, "busy": busy, "problem": _problem(problem), "at": time.time()}
    project = desk.project
    if project is None:
        return shown | {"projects": projects(desk)}
    return shown | {
        "project": _project(desk, project),
        "image": _image(desk, project),
        "strip": strip(desk, project),
        "saving": _saving(project),
        "others": desk.others(),
    }


def projects(desk: Desk) -> list[dict[str, Any]]:
    """The list of projects."""
    return [vars(one) for one in desk.shelf.listed()]


def chosen(desk: Desk, project: Project) -> list[ImageEntry]:
    """The images that the filter lets through, in their order."""
    wanted = desk.filter
    if not wanted:
        return list(project.images)
    if wanted == "missing":
        return [entry for entry in project.images if entry.id in desk.missing]
    return [entry for entry in project.images if project.trail(entry.id).status == wanted]


def neighbour(desk: Desk, project: Project, by: int, *, status: str = "") -> ImageEntry | None:
    """The next image (by 1) or the one before (-1) in the filtered list, or the next with ``status``, round the end."""
    images = project.images
    here = next((n for n, entry in enumerate(images) if desk.image and entry.id == desk.image.id), -1 if by > 0 else 0)
    allowed = {entry.id for entry in chosen(desk, project)}
    if status:
        ahead = [*images[here + 1 :], *images[: here + 1]]
        return next((one for one in ahead if project.trail(one.id).status == status), None)
    ahead = list(images[here + 1 :]) if by > 0 else list(reversed(images[:here]))
    return next((one for one in ahead if one.id in allowed), None)


def strip(desk: Desk, project: Project) -> dict[str, Any]:
    """One page of the filtered list."""
    images = chosen(desk, project)
    last = max(0, (len(images) - 1) // PAGE * PAGE)
    offset = min(max(0, desk.offset // PAGE * PAGE), last)
    return {
        "filter": desk.filter,
        "offset": offset,
        "page": PAGE,
        "total": len(images),
        "items": [_item(desk, project, entry) for entry in images[offset : offset + PAGE]],
    }


def _item(desk: Desk, project: Project, entry: ImageEntry) -> dict[str, Any]:
    trail = project.trail(entry.id)
    return {
        "id": entry.id,
        "name": entry.name,
        "status": trail.status,
        "objects": trail.objects,
        "missing": entry.id in desk.missing,
        "current": desk.image is not None and desk.image.id == entry.id,
    }


def _project(desk: Desk, project: Project) -> dict[str, Any]:
    counts = Counter(project.trail(entry.id).status for entry in project.images)
    used: Counter[str] = Counter()
    for entry in project.images:
        used.update(str(label) for label in project.trail(entry.id).light.values("object").values())
    times = [
        trail.seconds
        for entry in project.images
        if (trail := project.trail(entry.id)).status == "done" and trail.seconds
    ]
    return {
        "id": desk.project_id,
        "name": project.manifest.name,
        "total": len(project.images),
        "counts": {status: counts[status] for status in ("todo", "work", "done")} | {"missing": len(desk.missing)},
        "labels": [
            {"id": one.id, "name": one.name, "color": one.color, "key": one.key, "used": used[one.id]}
            for one in project.labels.present
        ],
        "median": seconds_text(statistics.median(times)) if times else "",
        "branch": desk.branch,
        "damaged": project.damaged,
    }


def _image(desk: Desk, project: Project) -> dict[str, Any] | None:
    entry = desk.image
    if entry is None:
        return None
    trail = project.trail(entry.id)
    number = next((n for n, one in enumerate(project.images, 1) if one.id == entry.id), 0)
    return {
        "id": entry.id,
        "name": entry.name,
        "number": number,
        "status": trail.status,
        "objects": trail.objects,
        "note": str(trail.light.value("note") or ""),
        "left_out": desk.left_out,
        "missing": entry.id in desk.missing,
    }


def _saving(project: Project) -> dict[str, Any]:
    now = project.saving
    problem = f"{now.problem.problem}. {now.problem.remedy}" if now.problem is not None else ""
    return {"at": now.at, "pending": now.pending, "problem": problem}


def _problem(problem: Problem | None) -> dict[str, str] | None:
    return None if problem is None else dict(vars(problem))


def counted(count: int, word: str) -> str:
    """1 image, 2 images."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def left_out_text(skipped: Sequence[tuple[str, str]], most: int = 8, what: str = "left out") -> str:
    """Which files were left out and why, the first few by name."""
    if not skipped:
        return ""
    named = "; ".join(f"{name} {reason}" for name, reason in skipped[:most])
    more = f"; and {len(skipped) - most} more" if len(skipped) > most else ""
    return f"{len(skipped)} {what}: {named}{more}."


def plain(value: Mapping[str, Any], key: str) -> str:
    """A text that the browser sent, "" when there is none."""
    sent = value.get(key)
    return sent if isinstance(sent, str) else ""
