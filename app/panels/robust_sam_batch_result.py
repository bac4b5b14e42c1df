"""The result of a batch: a zip that grows photo by photo on disk, with masks, overview.csv and a contact sheet."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.annotate.exporters.bundle import Bundle
from app.annotate.exporters.datasets import DATASET_FORMATS
from app.annotate.exporters.objects import AnnotatedImage, MaskObject
from app.annotate.exporters.whole import WholeFile
from app.guard.errors import BadInput
from app.palette import OBJECT_COLORS, rgb
from app.panels.robust_sam_batch_sheet import ContactSheet
from models.robust_sam.batch_types import ImageDone

COLUMNS = ("image", "objects", "area", "confidence", "ms", "error")
RESERVE = 16_000_000
"""Bytes held back so that a full disk leaves room to close the zip."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Row:
    """One line of the overview. area: pixels of all objects; confidence: mean predicted IoU, None without objects."""

    image: str
    objects: int = 0
    area: int = 0
    confidence: float | None = None
    milliseconds: float = 0.0
    error: str = ""

    def cells(self) -> list[str]:
        """As in overview.csv."""
        score = "" if self.confidence is None else f"{self.confidence:.4f}"
        return [self.image, str(self.objects), str(self.area), score, f"{self.milliseconds:.1f}", self.error]


class DiskFull(OSError):
    """The result cannot grow any more; what it holds can still be closed and downloaded."""


class BatchResult:
    """Made with `add` for every photo and one `finish`; memory does not grow with the number of photos."""

    def __init__(self, path: Path, form: str, total: int, about: Mapping[str, Any]) -> None:
        """path: the zip to write, in a folder of its own; form: a key of DATASET_FORMATS; total: photos to come;
        about: goes into the files as receipt. Raises BadInput for another form, DiskFull when there is no room at all.
        """
        if form not in DATASET_FORMATS:
            raise BadInput("The format", f"{form!r} does not exist", f"Choose one of {', '.join(DATASET_FORMATS)}")
        self.path, self.sheet = path, ContactSheet(total)
        self.done = self.failed = self.objects = 0
        self._reserve = path.with_name("reserve")
        with _disk():
            _hold(self._reserve)
            self._file = WholeFile(path)
            self._table = WholeFile(path.with_name("overview"))
        self._last_line = b""
        self._bundle = Bundle(self._file)
        self._writer = DATASET_FORMATS[form].writer(self._bundle, about, ())
        self._write_cells(COLUMNS)

    def add(self, done: ImageDone) -> Row:
        """Write one photo's masks and its line. Raises DiskFull; what was counted before is safe."""
        row = _row(done)
        if not done.error and done.image is not None:
            image = _annotated(done)
            try:
                with _disk():
                    self._writer.add(image)
            except BadInput as problem:
                row = Row(done.name, error=str(problem))
            else:
                self.sheet.add(done.number, image)
        self.done += not row.error
        self.failed += bool(row.error)
        self.objects += row.objects
        with _disk():
            self._write_cells(row.cells())
        return row

    def finish(self) -> Path:
        """Close the zip, also after DiskFull, and return it. Raises DiskFull when the annotation file found no room;
        even then the zip is closed and holds what it could.
        """
        self._reserve.unlink(missing_ok=True)
        try:
            with _disk():
                self._writer.finish()
                self._bundle.stream("overview.csv", self._overview(), large=False)
                if self.sheet.count:
                    self._bundle.write("contact_sheet.jpg", self.sheet.jpeg())
        finally:
            with _disk():
                self._bundle.close()
            self.close()
        return self.path

    def close(self) -> None:
        """Let go of everything but the zip."""
        self._writer.close()
        for file in (self._file, self._table):
            file.close()
        for name in ("reserve", "overview"):
            self.path.with_name(name).unlink(missing_ok=True)

    def _write_cells(self, cells: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        told, end = line.getvalue().encode("utf-8"), self._table.tell()
        try:
            self._table.write(told)
        except OSError:
            # Its photo is in the zip already: the line waits in memory for the end.
            self._table.truncate(end)
            self._last_line = told
            raise

    def _overview(self) -> Iterator[bytes]:
        self._table.seek(0)
        while piece := self._table.read(_CHUNK):
            yield piece
        yield self._last_line


class _disk:  # noqa: N801 - reads as a word in "with _disk():"
    """Turns the system's refusals to write into DiskFull."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, DiskFull):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            why = "The disk is full" if full else f"The result cannot be written ({error.strerror or 'unknown cause'})"
            raise DiskFull(error.errno or errno.EIO, why) from error


def _hold(path: Path) -> None:
    """Take RESERVE bytes of the disk for real, not as a hole."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, RESERVE)
        else:
            file.write(bytes(RESERVE))


def _row(done: ImageDone) -> Row:
    if done.error:
        return Row(done.name, error=done.error)
    scores = [thing.confidence for thing in done.found]
    mean = sum(scores) / len(scores) if scores else None
    return Row(done.name, len(scores), sum(thing.area for thing in done.found), mean, done.milliseconds)


def _annotated(done: ImageDone) -> AnnotatedImage:
    assert done.image is not None
    objects = []
    for number, thing in enumerate(done.found, start=1):
        color = rgb(OBJECT_COLORS[(number - 1) % len(OBJECT_COLORS)])
        label = thing.label or "object"
        objects.append(MaskObject(f"{label} {number}", thing.held.mask, color, round(thing.confidence, 4), label))
    height, width = done.image.shape[:2]
    return AnnotatedImage(done.name, width, height, tuple(objects), done.image)
