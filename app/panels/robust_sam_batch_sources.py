"""The photos of a batch: uploaded files, the images of a zip, or those of a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from app.guard import read_image
from app.guard.errors import BadInput, shown_name
from models.parts.archives import ArchiveLimits, SafeArchive
from models.robust_sam.batch import MOST_IMAGES
from models.robust_sam.batch_types import Image, Source

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MOST_FOLDER_ENTRIES = 100_000
LIMITS = ArchiveLimits(max_entries=MOST_IMAGES + 1_000, max_entry_bytes=256_000_000, max_total_bytes=50_000_000_000)


class Photos:
    """The sources of one batch, in the order of their names. Use as a context manager: it keeps archives open.

    others: how many files were left out because their ending is not that of an image.
    """

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.others = 0
        self._names: set[str] = set()
        self._open = ExitStack()

    def add_folder(self, folder: Path) -> None:
        """Every image in `folder` and the folders in it; links to elsewhere are not followed. Raises BadInput."""
        if not folder.is_dir():
            raise BadInput(str(folder), "is not a folder of this machine", "Give the full path of a folder")
        for path in _walk(folder):
            name = path.relative_to(folder).as_posix()
            self._add(name, partial(_read_path, path, name))

    def add_files(self, files: Sequence[tuple[Path, str]]) -> None:
        """Images and zips of images, each with the name people know it by. Raises BadInput for a bad zip."""
        zips = sum(name.lower().endswith(".zip") for _, name in files)
        for path, name in files:
            if name.lower().endswith(".zip"):
                archive = self._open.enter_context(SafeArchive(path, LIMITS, name))
                before = f"{Path(name).stem}/" if zips > 1 else ""
                for member in archive.names():
                    self._add(before + member, partial(_read_member, archive, member))
            else:
                self._add(name, partial(_read_path, path, name), alone=True)

    def done(self) -> list[Source]:
        """All sources in order; raises BadInput when there are none or too many."""
        if not self.sources:
            kinds = ", ".join(ending[1:] for ending in ENDINGS)
            only = f" among {self.others} files" if self.others else ""
            raise BadInput("The batch", f"has no photos{only}", f"Photos end in {kinds}")
        if len(self.sources) > MOST_IMAGES:
            raise BadInput("The batch", f"has {len(self.sources):,} photos", f"The limit is {MOST_IMAGES:,}: split it")
        return sorted(self.sources, key=lambda source: source.name)

    def close(self) -> None:
        """Close the archives."""
        self._open.close()

    def __enter__(self) -> Photos:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _add(self, name: str, read: Callable[[], Image], *, alone: bool = False) -> None:
        """alone: the person chose this very file, so it is tried whatever its ending."""
        if not alone and not name.lower().endswith(ENDINGS):
            self.others += 1
            return
        unique, number = name, 2
        while unique.casefold() in self._names:
            path = Path(name)
            unique, number = path.with_name(f"{path.stem} ({number}){path.suffix}").as_posix(), number + 1
        self._names.add(unique.casefold())
        self.sources.append(Source(unique, read))


def _walk(folder: Path) -> Iterator[Path]:
    seen = 0
    for here, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > MOST_FOLDER_ENTRIES:
                raise BadInput(str(folder), f"has more than {MOST_FOLDER_ENTRIES:,} files", "Choose a folder of photos")
            path = Path(here, name)
            if not name.startswith(".") and not path.is_symlink():
                yield path


def _read_path(path: Path, name: str) -> Image:
    if not path.exists():
        raise BadInput(name, "is not there any more", "Put it back and run the batch again")
    return read_image(path, name=shown_name(name)).array


def _read_member(archive: SafeArchive, member: str) -> Image:
    return read_image(archive.read(member), name=shown_name(member)).array
