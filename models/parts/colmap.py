"""COLMAP models in both spellings, without COLMAP: three files, .bin or .txt.

model = read_model("project/sparse/0")
write_model(model, "elsewhere/sparse/0", binary=False)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from models.parts import colmap_binary, colmap_text
from models.parts.colmap_model import Camera, Image, Model, Points, checked_model
from models.parts.problems import BadInput, readable_bytes, shown_name

__all__ = ["Camera", "Image", "Model", "Points", "has_model", "read_files", "read_model", "write_model", "written"]

PARTS = ("cameras", "images", "points3D")
_MAX_BYTES = 1_000_000_000


def has_model(names: Collection[str]) -> bool:
    """Whether the file names of a folder include all three parts of a model in one spelling."""
    return any(all(f"{part}{ending}" in names for part in PARTS) for ending in (".bin", ".txt"))


def read_model(folder: str | Path) -> Model:
    """The model in `folder`; .bin is taken when both spellings are there.

    Raises BadInput that names the file and the byte or line when one is missing, damaged, too large, of an unsupported
    camera model, or does not belong to the others.
    """
    folder = Path(folder)
    try:
        present = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
        files = {}
        for part in PARTS:
            for ending in (".bin", ".txt"):
                path = present.get(part + ending)
                if path is not None and path.is_file():
                    if path.stat().st_size > _MAX_BYTES:
                        raise BadInput(
                            path.name,
                            f"has {readable_bytes(path.stat().st_size)}",
                            f"The limit is {readable_bytes(_MAX_BYTES)}: make a smaller model",
                        )
                    files[path.name] = path.read_bytes()
    except OSError as error:
        raise BadInput(shown_name(str(folder)), "cannot be read", "Choose the folder of the model again") from error
    return read_files(files, shown_name(str(folder), "The model"))


def read_files(files: Mapping[str, bytes], title: str = "The model") -> Model:
    """The model in the contents `files` (file name -> bytes), for archives. Errors as `read_model`."""
    for ending, reader in ((".bin", colmap_binary), (".txt", colmap_text)):
        if has_model([name for name in files if name.endswith(ending)]):
            names = [f"{part}{ending}" for part in PARTS]
            cameras = reader.read_cameras(files[names[0]], names[0])
            images = reader.read_images(files[names[1]], names[1])
            points = reader.read_points(files[names[2]], names[2])
            return checked_model(Model(cameras, images, points), title)
    missing = [part for part in PARTS if not any(f"{part}{ending}" in files for ending in (".bin", ".txt"))]
    problem = f"has no {' and no '.join(missing)}" if missing else "mixes .bin and .txt files, none of them complete"
    raise BadInput(title, problem, "Choose a folder with cameras, images and points3D, such as sparse/0")


def written(model: Model, *, binary: bool = True) -> Mapping[str, bytes]:
    """The three files of `model` by name, for archives."""
    return colmap_binary.written(model) if binary else colmap_text.written(model)


def write_model(model: Model, folder: str | Path, *, binary: bool = True) -> Path:
    """Writes the three files of `model` into `folder`, which is made when needed; returns it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in written(model, binary=binary).items():
        (folder / name).write_bytes(content)
    return folder
