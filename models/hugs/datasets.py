"""The data sets of the paper, for those who have them: Kubric, Distractor and Phototourism folders as captures.

    capture = load_dataset("distractor/yoda")        # which of the three it is, is seen from its files
    capture.held_out                                 # the clean test views of the paper's protocol

Layouts: methods/hugs.md section 4, and the data section of the NeRF-HuGS repository. Nothing is downloaded.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from models.hugs import datasets_kubric
from models.hugs.datasets_views import Seen, limited, located_in, split_views
from models.hugs.loading_projects import in_pictures, read_model_in
from models.hugs.loading_sources import Files, Folder, in_order
from models.parts.capture import Capture, Structure
from models.parts.colmap_capture import cameras_of, structure_of
from models.parts.problems import BadInput

Tick = Callable[[float, str], None]
FACTORS: Mapping[str, int] = {"kubric": 2, "distractor": 8, "phototourism": 2}
"""By how much the paper scales each data set down."""


def dataset_kind(folder: str | Path) -> str | None:
    """ "kubric", "distractor", "phototourism", or None when the folder is no scene of any of them."""
    return _kind(Folder(folder))


def load_dataset(
    folder: str | Path,
    kind: str | None = None,
    *,
    factor: int | None = None,
    max_photos: int | None = None,
    colmap: str | Path | None = None,
    truth: str | None = None,
    tick: Tick = lambda share, message: None,
) -> Capture:
    """One scene: training photos as views, the protocol's test photos as held-out views.

    kind: one of FACTORS; by default seen from the files. factor: scaling, the paper's by default. max_photos: of more
    training photos so many are taken, evenly spread. colmap: Kubric only, the folder with the authors' COLMAP files,
    which give the structure. truth: Kubric only, a folder with masks of what moves (white), such as mask/1x.
    Raises BadInput that names the missing or damaged file and where it comes from.
    """
    files = Folder(folder)
    kind = kind or _kind(files)
    if kind is None or kind not in FACTORS:
        raise BadInput(
            files.title,
            "is no scene of Kubric, Distractor or Phototourism" if kind is None else f"cannot be read as {kind!r}",
            "Choose the folder of one scene, such as kubric/kubric_car, distractor/yoda or phototourism/sacre_coeur",
        )
    factor = FACTORS[kind] if factor is None else factor
    if factor < 1:
        raise ValueError(f"factor must be at least 1, not {factor}")
    if kind == "kubric":
        return datasets_kubric.load(files, factor, max_photos, colmap, truth, tick)
    if kind == "distractor":
        return _distractor(files, factor, max_photos, tick)
    return _phototourism(files, factor, max_photos, tick)


def _kind(files: Files) -> str | None:
    names = set(files.names())
    folders = {name.split("/", 1)[0] for name in names if "/" in name}
    if "dataset.json" in names or "scene_gt.json" in names or {"camera-gt", "freeze-test"} & folders:
        return "kubric"
    if any(name.startswith("0/sparse/") or name == "0/data_split.json" for name in names):
        return "distractor"
    if any(name.startswith("dense/sparse/") for name in names):
        return "phototourism"
    return None


def _distractor(files: Files, factor: int, limit: int | None, tick: Tick) -> Capture:
    """<scene>/0/{images_8, sparse/0, data_split.json}."""
    _need_model(files, "0/sparse/0", "Unpack robustnerf.tar.gz again")
    cameras = cameras_of(model := read_model_in(files, "0/sparse/0"))
    notes = []
    if "0/data_split.json" in files.names():
        train, test = _json_split(files.read("0/data_split.json"))
    else:
        train = sorted((name for name in cameras if "clutter" in name), key=in_order)
        test = sorted((name for name in cameras if "extra" in name or "clean" in name), key=in_order)
        if not train:
            raise BadInput(
                "0/data_split.json",
                "is missing, and the file names do not tell training from test photos",
                "Get it from distractor_split_files of NeRF-HuGS and put it beside images",
            )
        notes.append("data_split.json is missing: photos named clutter are for training, extra or clean for the test.")
    folder = "0/images" if factor == 1 else f"0/images_{factor}"
    paths = located_in(files, folder, [*train, *test], f"Scale the photos of 0/images down {factor} times into it")
    chosen = limited(train, limit, notes)
    views, held_out = split_views(files, paths, cameras, chosen, test, 1, tick)
    return _capture(files, views, held_out, structure_of(model), notes)


def _phototourism(files: Files, factor: int, limit: int | None, tick: Tick) -> Capture:
    """<scene>/{dense/images, dense/sparse, <name>.tsv}."""
    _need_model(files, "dense/sparse", "Unpack the scene of the image matching challenge again")
    tables = [name for name in files.names() if "/" not in name and name.endswith(".tsv")]
    if not tables:
        raise BadInput(
            f"{files.title}.tsv",
            "is missing: the table that tells training from test photos",
            "Get it from nerf-w.github.io and put it beside dense",
        )
    train, test = _table_split(files.read(tables[0]), tables[0])
    cameras = cameras_of(model := read_model_in(files, "dense/sparse"))
    unplaced = [name for name in (*train, *test) if name not in cameras]
    notes = [f"{len(unplaced)} photos of the table are not in the COLMAP model: left out."] if unplaced else []
    train, test = ([name for name in names if name in cameras] for names in (train, test))
    paths = located_in(files, "dense/images", [*train, *test], "Unpack the scene again")
    views, held_out = split_views(files, paths, cameras, limited(train, limit, notes), test, factor, tick)
    return _capture(files, views, held_out, structure_of(model), notes)


def _capture(files: Files, views: list[Seen], held_out: list[Seen], structure: Structure, notes: list[str]) -> Capture:
    """Features in the pixels of the scaled photos; those of test photos are left out."""
    if not views:
        raise BadInput(files.title, "has no training photos", "Choose the folder of one scene")
    shown = tuple(view for view, _ in views)
    seen = in_pictures(structure, {view.name: camera for view, camera in views}, shown)
    return Capture(files.title, shown, seen, tuple(view for view, _ in held_out), tuple(notes))


def _need_model(files: Files, folder: str, remedy: str) -> None:
    if not any(PurePosixPath(name).parent.as_posix() == folder for name in files.names()):
        raise BadInput(files.title, f"has no COLMAP model in {folder}", remedy)


def _json_split(data: bytes) -> tuple[list[str], list[str]]:
    try:
        document = json.loads(data)
        split = [[str(name) for name in document[part]] for part in ("train", "test")]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            "data_split.json", "does not list train and test photos", "Get it from distractor_split_files of NeRF-HuGS"
        ) from error
    return split[0], split[1]


def _table_split(data: bytes, title: str) -> tuple[list[str], list[str]]:
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig")), delimiter="\t"))
        split = [[row["filename"] for row in rows if row["split"] == part] for part in ("train", "test")]
    except (ValueError, KeyError, csv.Error) as error:
        raise BadInput(title, "has no columns filename and split", "Get the table from nerf-w.github.io") from error
    if not split[0]:
        raise BadInput(title, "lists no training photos", "Get the table from nerf-w.github.io")
    return split[0], split[1]
