"""A batch from its photos to its zip, for the page and for scripts alike."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app import service
from app.annotate.exporters.datasets import DATASET_FORMATS
from app.guard.errors import BadInput
from app.panels.robust_sam_batch_result import BatchResult, DiskFull, Row
from app.panels.robust_sam_batch_sources import Photos
from models.robust_sam.batch import Stop, run_batch
from models.robust_sam.batch_prompts import PromptTable
from models.robust_sam.batch_types import Settings
from models.robust_sam.everything_config import LEAST_POINTS, MOST_POINTS

log = logging.getLogger("vitrine.robust_sam")
FILE_NAME = "robust_sam_batch.zip"
LAST_ROWS, MOST_ERRORS = 12, 200
_TIMED = 30
SHEET_EVERY_S = 2.0


@dataclass(frozen=True)
class Report:
    """How far a batch is. left_s: seconds to go, None while unknown; rows: the latest; errors: photos that failed, the
    first MOST_ERRORS; unknown: names of the prompts file that fit no photo; sheet: the contact sheet as JPEG, only in
    some reports; problem: what ended it early; archive: the zip, in the last report.
    """

    total: int
    done: int = 0
    failed: int = 0
    objects: int = 0
    left_s: float | None = None
    rows: tuple[Row, ...] = ()
    errors: tuple[Row, ...] = ()
    unknown: tuple[str, ...] = ()
    others: int = 0
    sheet: bytes = b""
    stopped: bool = False
    problem: str = ""
    archive: Path | None = None
    seconds: float = 0.0


@dataclass
class _Tally:
    """What is kept of the rows while they pass."""

    rows: deque[Row] = field(default_factory=lambda: deque(maxlen=LAST_ROWS))
    errors: list[Row] = field(default_factory=list)
    times: deque[float] = field(default_factory=lambda: deque([time.monotonic()], maxlen=_TIMED))

    def add(self, row: Row) -> None:
        self.rows.append(row)
        if row.error and len(self.errors) < MOST_ERRORS:
            self.errors.append(row)
        self.times.append(time.monotonic())

    def left(self, count: int) -> float | None:
        """Seconds for `count` more photos at the pace of the last ones."""
        steps = len(self.times) - 1
        return (self.times[-1] - self.times[0]) / steps * count if steps else None


def run(
    photos: Photos, table: PromptTable, settings: Settings, form: str, folder: Path, stop: Stop
) -> Iterator[Report]:
    """Segments all photos and writes FILE_NAME into `folder`; yields after every photo, last with the archive.

    form: a key of DATASET_FORMATS. A photo that fails is a row with an error; cancelling (`stop.now()`) and a full disk
    end the run, and what is done is in the archive. Raises BadInput for a batch that cannot begin.
    """
    if form not in DATASET_FORMATS:
        raise BadInput("The format", f"{form!r} does not exist", f"Choose one of {', '.join(DATASET_FORMATS)}")
    sources = photos.done()
    prompts, unknown = table.matched([source.name for source in sources])
    if settings.mode == "prompts" and not prompts:
        raise BadInput(
            "The prompts file",
            f"names none of the {len(sources)} photos; it begins with {(unknown or ['nothing'])[0][-60:]}",
            "Write the photos' file names as they are",
        )
    began, told_sheet = time.monotonic(), 0.0
    tally, now = _Tally(), Report(len(sources), unknown=tuple(unknown[:MOST_ERRORS]), others=photos.others)
    yield now
    try:
        about = {"branch": settings.branch, "mode": settings.mode, "checkpoint": settings.checkpoint}
        result = BatchResult(folder / FILE_NAME, form, len(sources), about)
    except DiskFull as full:
        raise BadInput("The result", f"cannot be begun: {full.strerror}", "Free some space and run it again") from full
    try:
        for done in run_batch(service.runtime(), sources, prompts, settings, stop):
            try:
                tally.add(result.add(done))
            except DiskFull as full:
                stop.now()
                now = replace(now, problem=f"{full.strerror}. The {result.done} photos before it are in the zip.")
                break
            sheet = b""
            if result.sheet.count and time.monotonic() - told_sheet > SHEET_EVERY_S:
                sheet, told_sheet = result.sheet.jpeg(), time.monotonic()
            now = replace(_counted(now, result, tally), sheet=sheet)
            yield now
        yield _closed(replace(now, stopped=stop.asked and not now.problem), result, tally, began)
    finally:
        result.close()


def _counted(now: Report, result: BatchResult, tally: _Tally) -> Report:
    return replace(
        now,
        done=result.done,
        failed=result.failed,
        objects=result.objects,
        left_s=tally.left(now.total - result.done - result.failed),
        rows=tuple(tally.rows),
        errors=tuple(tally.errors),
    )


def _closed(now: Report, result: BatchResult, tally: _Tally, began: float) -> Report:
    sheet = result.sheet.jpeg() if result.sheet.count else b""
    try:
        result.finish()
    except DiskFull as full:
        log.warning("a batch could not be closed whole: %s", full)
        problem = now.problem or f"{full.strerror}. The zip holds what could be written"
        now = replace(
            now, problem=f"{problem} Its list of annotations may be missing; free some space and run it again."
        )
    now = replace(_counted(now, result, tally), left_s=0.0)
    return replace(now, sheet=sheet, archive=result.path, seconds=time.monotonic() - began)


def settings_of(values: Mapping[str, object], user: str) -> Settings:
    """Checked settings from what a page or a script gives: branch, mode, points_per_side, checkpoint, path."""
    branch, mode = values.get("branch", "robust"), values.get("mode", "prompts")
    points = values.get("points_per_side", 16)
    if branch not in ("sam", "robust"):
        raise BadInput("The branch", f"{branch!r} does not exist", "Choose robust or sam")
    if mode not in ("prompts", "everything"):
        raise BadInput("The mode", f"{mode!r} does not exist", "Choose prompts or everything")
    if not isinstance(points, int | float) or not LEAST_POINTS <= points <= MOST_POINTS:
        remedy = f"Give a whole number from {LEAST_POINTS} to {MOST_POINTS}"
        raise BadInput("The points per side", f"are {points!r}", remedy)
    path = values.get("path")
    return Settings(
        user,
        "sam" if branch == "sam" else "robust",
        "everything" if mode == "everything" else "prompts",
        int(points),
        str(values.get("checkpoint", "nano")),
        None if path is None else str(path),
    )
