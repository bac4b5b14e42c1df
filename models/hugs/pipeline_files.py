"""The first and the last stage as jobs: a capture from files, static maps into files, and masks back from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.hugs import METHOD, sample
from models.hugs.export import export_entries, write_zip
from models.hugs.import_masks import KINDS, read_masks
from models.hugs.loading import LoadConfig, load_capture
from models.hugs.loading_sources import FileList, Folder
from models.hugs.pipeline_work import Map, Work
from models.parts.archives import SafeArchive
from models.parts.problems import BadInput
from models.runtime import Job, JobContext

WORK_ENDING = ".work.zip"
"""A capture with its stages, as ``sample.save`` writes it."""


def load_work(
    context: JobContext, model: None, *, sources: Sequence[Path], name: str | None, config: LoadConfig
) -> sample.Sample:
    """A capture from photos, a folder, a zip, a video or a project, or a saved work with all its stages."""
    del model
    context.tick(0.0, "Reading")
    if len(sources) == 1 and sources[0].name.endswith(WORK_ENDING):
        return sample.load(sources[0])
    source: Path | Sequence[Path] = sources[0] if len(sources) == 1 else sources
    capture = load_capture(source, config, lambda share, said: context.tick(share, said), name)
    work = Work(capture)
    work.fusion = work.suited
    return sample.Sample(work)


def export_masks(
    context: JobContext,
    model: None,
    *,
    work: Work,
    formats: Sequence[str],
    full_size: bool,
    receipt: Mapping[str, Any],
    target: Path,
) -> Path:
    """A zip of the asked formats at ``target``; see models.hugs.export for what they are. Raises BadInput."""
    del model
    maps = {}
    for number, view in enumerate(work.capture.views):
        context.tick(0.5 * number / len(work.names), f"Fusing photo {number + 1} of {len(work.names)}")
        maps[view.name] = work.mask(view.name)
    settings = {"fusion": asdict(work.fusion), "corrections": corrections_of(work)}
    entries = export_entries(work.capture, maps, formats, full_size=full_size, settings=settings, receipt=receipt)

    def told() -> Any:
        for entry in entries:
            context.tick(None, f"Writing {entry[0]}")
            yield entry

    return write_zip(target, told())


def own_masks(context: JobContext, model: None, *, work: Work, sources: Sequence[Path], kind: str) -> dict[str, Map]:
    """View name -> static map of the photo's size, from PNG files, one zip or one folder; ``kind`` as in KINDS.

    Nothing is changed yet: ``work.take_own`` puts them to use. Raises BadInput.
    """
    del model
    context.tick(0.0, "Reading masks")
    if len(sources) == 1 and sources[0].suffix.lower() == ".zip":
        with SafeArchive(sources[0]) as archive:
            return read_masks(archive, work.capture, kind)
    if len(sources) == 1 and sources[0].is_dir():
        return read_masks(Folder(sources[0]), work.capture, kind)
    return read_masks(FileList(sources, "The masks"), work.capture, kind)


def corrections_of(work: Work) -> dict[str, dict[str, str]]:
    """The user's corrections for people and JSON: photo -> segment -> static or moves."""
    return {
        name: {str(segment): "static" if static else "moves" for segment, static in given.items()}
        for name, given in work.forced.items()
        if given
    }


def load_job(user: str, sources: Sequence[Path], name: str | None = None, config: LoadConfig | None = None) -> Job:
    """``load_work`` for the runtime. Raises BadInput when there are no files."""
    if not sources:
        raise BadInput("The capture", "has no files", "Choose photos, a zip, a video or a project")
    arguments = {"sources": tuple(sources), "name": name, "config": (config or LoadConfig()).checked()}
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="voxel",
        call=load_work,
        arguments=arguments,
        label="Load",
        peak_bytes={"host": 600_000_000},
    )


def export_job(
    user: str,
    work: Work,
    target: Path,
    formats: Sequence[str] = ("static",),
    full_size: bool = True,
    receipt: Mapping[str, Any] | None = None,
) -> Job:
    """``export_masks`` for the runtime; ``receipt``: of what made the maps."""
    arguments = {
        "work": work,
        "formats": tuple(formats),
        "full_size": full_size,
        "receipt": receipt or {},
        "target": target,
    }
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="voxel",
        call=export_masks,
        arguments=arguments,
        label="Export",
        inputs_digest=work.capture.digest[:16],
        peak_bytes={"host": 300_000_000},
    )


def own_masks_job(user: str, work: Work, sources: Sequence[Path], kind: str = "static") -> Job:
    """``own_masks`` for the runtime. Raises BadInput when there are no files or ``kind`` is unknown."""
    if not sources:
        raise BadInput("The masks", "are not chosen", "Choose PNG files named after the photos, or a zip of them")
    if kind not in KINDS:
        raise BadInput("The meaning of white", f"{kind!r} does not exist", f"Choose one of {', '.join(KINDS)}")
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="voxel",
        call=own_masks,
        arguments={"work": work, "sources": tuple(sources), "kind": kind},
        label="Masks of one's own",
        inputs_digest=work.capture.digest[:16],
        peak_bytes={"host": 300_000_000},
    )
