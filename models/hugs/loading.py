"""Loads a capture from whatever a person has: photos, a folder, a zip, a video, a COLMAP or nerfstudio project.

capture = load_capture("holiday.zip")
capture.notes                                    # what was left out, turned or scaled
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.hugs.loading_photos import check_detail, load_photos
from models.hugs.loading_projects import load_colmap, load_nerfstudio, model_folder, thinned, transforms_file
from models.hugs.loading_sources import VIDEOS, FileList, Files, Folder, pictures, suffix
from models.hugs.loading_video import pick_frames
from models.parts.archives import SafeArchive
from models.parts.capture import Capture, View
from models.parts.problems import BadInput, shown_name
from models.parts.video import DEFAULT, VideoLimits

Tick = Callable[[float, str], None]
_FEW = 12


@dataclass(frozen=True)
class LoadConfig:
    """What is taken from a capture."""

    max_side: int = 1024
    """Photos are scaled down so that the longer side has at most so many pixels."""
    max_photos: int = 300
    """Most photos; of more, so many are taken evenly spread."""
    max_frames: int = 60
    """Most frames of a video."""
    min_photos: int = 3
    """Fewest photos of a capture."""
    video: VideoLimits = DEFAULT
    """Limits of videos."""

    def checked(self) -> LoadConfig:
        """This, when the numbers make sense; ValueError otherwise."""
        if self.max_side < 32 or self.min_photos < 2 or min(self.max_photos, self.max_frames) < self.min_photos:
            raise ValueError("max_side must be at least 32, min_photos 2, max_photos and max_frames no fewer than it")
        return self


def load_capture(
    source: str | Path | Sequence[str | Path],
    config: LoadConfig | None = None,
    tick: Tick = lambda share, message: None,
    name: str | None = None,
) -> Capture:
    """The capture in `source`: a folder, a zip, a video, a picture file, or a list of files.

    name: what the capture is called; by default the bare name of the source. tick: called with the share done and a
    sentence; what it raises comes out.
    A folder or zip with a COLMAP model gives poses and structure, one with transforms.json poses (and structure when a
    model lies beside it). Raises BadInput with the reason and the next step when nothing usable is found, the model
    belongs to other pictures, there are fewer than three photos, or no photo shows detail.
    """
    config = (config or LoadConfig()).checked()
    if isinstance(source, str | Path):
        capture = _single(Path(source), config, tick, name)
    else:
        capture = _several(list(source), config, tick, name)
    if len(capture.views) < config.min_photos:
        raise BadInput(
            capture.name,
            f"has {len(capture.views)} usable {'photo' if len(capture.views) == 1 else 'photos'}, "
            f"at least {config.min_photos} are needed",
            "Take 20 to 60 photos while walking around the scene, each overlapping the last by two thirds",
        )
    notes = check_detail(capture.views, capture.name)
    if len(capture.views) < _FEW:
        notes.append(f"{len(capture.views)} photos are few: the SfM cue gets reliable from about 20 on.")
    sizes = {view.size for view in capture.views}
    if any(view.original_size for view in capture.views) and len(sizes) == 1:
        height, width = sizes.pop()
        notes.append(f"Photos are worked on at {width} x {height} pixels; exports can have the original size.")
    return capture.with_notes(*notes)


def _single(path: Path, config: LoadConfig, tick: Tick, name: str | None) -> Capture:
    title = shown_name(name or path.name, "The capture")
    if path.is_dir():
        return _from_files(Folder(path, title), config, tick)
    if path.suffix.lower() == ".zip":
        with SafeArchive(path, name=title) as archive:
            return _from_files(archive, config, tick)
    if path.suffix.lower() in VIDEOS:
        return _from_video(path, config, tick, title)
    return _several([path], config, tick, name)


def _several(paths: list[str | Path], config: LoadConfig, tick: Tick, name: str | None) -> Capture:
    """Uploads: one zip or one video stands for itself, everything else counts as photos."""
    if not paths:
        raise BadInput("The capture", "has no files", "Choose photos, a zip, a video or a project")
    whole = [Path(path) for path in paths if suffix(str(path)) in VIDEOS or suffix(str(path)) == ".zip"]
    if whole and len(paths) > 1:
        raise BadInput(
            shown_name(whole[0].name), "cannot be mixed with other files", "Choose either photos, or one video or zip"
        )
    if whole:
        return _single(whole[0], config, tick, name)
    return _from_files(FileList(paths, shown_name(name or "", "The photos")), config, tick)


def _from_video(path: Path, config: LoadConfig, tick: Tick, title: str) -> Capture:
    views, notes = pick_frames(path, config.max_frames, config.max_side, tick, config.video, title)
    return Capture(title, views, None, (), tuple(notes))


def _from_files(files: Files, config: LoadConfig, tick: Tick) -> Capture:
    transforms, model = transforms_file(files), model_folder(files)
    if transforms is not None:
        return load_nerfstudio(files, transforms, config.max_side, tick, config.max_photos)
    if model is not None:
        return load_colmap(files, model, config.max_side, tick, config.max_photos)
    names = _one_set(pictures(files))
    if not names:
        raise BadInput(
            files.title,
            "holds no photos" + _hint(files),
            "Choose JPEG or PNG photos, a video, or a folder or zip with them",
        )
    chosen = thinned(names, config.max_photos)
    views, notes = load_photos(files, chosen, config.max_side, tick)
    if len(chosen) < len(names):
        notes.append(f"{len(chosen)} of {len(names)} photos are used, evenly spread.")
    return Capture(files.title, _renamed(views), None, (), tuple(notes))


def _one_set(names: list[str]) -> list[str]:
    """The photos in images/ when there is such a folder: what lies beside it are copies, masks or depth maps."""
    inside = [name for name in names if "images" in name.split("/")[:-1]]
    return inside or names


def _renamed(views: tuple[View, ...]) -> tuple[View, ...]:
    """Bare file names where they are unique."""
    bare = [view.name.rsplit("/", 1)[-1] for view in views]
    if len(set(bare)) < len(bare):
        return views
    return tuple(replace(view, name=name) for view, name in zip(views, bare, strict=True))


def _hint(files: Files) -> str:
    """What is there instead."""
    names = files.names()
    videos = [name for name in names if suffix(name) in VIDEOS]
    if videos:
        return f", but {shown_name(videos[0])}, a video, which is to be given by itself"
    raw = [name for name in names if suffix(name) in (".heic", ".heif", ".cr2", ".cr3", ".nef", ".arw", ".dng")]
    if raw:
        return f", but {shown_name(raw[0])}, a format that is not read here: export it as JPEG"
    return ""
