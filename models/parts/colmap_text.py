"""cameras.txt, images.txt and points3D.txt: one record a line (two for an image), read with the line of every fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from models.parts.colmap_model import Camera, Image, Model, Points, checked_camera, checked_image, known_model
from models.parts.problems import BadInput

_AGAIN = "Copy it, or export the model from COLMAP, again"


def read_cameras(data: bytes, title: str) -> dict[int, Camera]:
    """The cameras of the content of a cameras.txt, by id."""
    cameras = {}
    for number, words in _records(data, title):
        where = f"line {number}"
        _need(words, 5, title, number, "a camera")
        model = known_model(title, where, words[1])
        id, width, height = _integers([words[0], words[2], words[3]], title, number)
        cameras[id] = checked_camera(title, where, id, model, width, height, _numbers(words[4:], title, number))
    return cameras


def read_images(data: bytes, title: str) -> dict[int, Image]:
    """The images of the content of an images.txt, by id. An image without features has an empty second line."""
    images = {}
    lines = iter(_lines(data, title))
    for number, line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        # The name is the rest of the line: names may have blanks.
        words = line.split(None, 9)
        _need(words, 10, title, number, "an image")
        id, camera_id = _integers([words[0], words[8]], title, number)
        pose = _numbers(words[1:8], title, number)
        below, features = next(lines, (number + 1, ""))
        values = _numbers(features.split(), title, below)
        if len(values) % 3:
            raise BadInput(title, f"has {len(values)} numbers on line {below}, not x, y and id in threes", _AGAIN)
        table = np.array(values, np.float64).reshape(-1, 3)
        images[id] = checked_image(
            title, f"line {number}", id, pose, camera_id, words[9].strip(), table[:, :2], table[:, 2].astype(np.int64)
        )
    return images


def read_points(data: bytes, title: str) -> Points:
    """The points of the content of a points3D.txt."""
    rows: list[tuple[int, tuple[float, ...], tuple[int, ...], float]] = []
    tracks = []
    for number, words in _records(data, title):
        _need(words, 8, title, number, "a point")
        (id,) = _integers(words[:1], title, number)
        place = _numbers(words[1:4], title, number)
        colour = _integers(words[4:7], title, number)
        (error,) = _numbers(words[7:8], title, number)
        track = _integers(words[8:], title, number)
        if len(track) % 2 or not np.isfinite(place).all() or not all(0 <= value <= 255 for value in colour):
            raise BadInput(title, f"is damaged on line {number}: point {id} has no place, colour or track", _AGAIN)
        rows.append((id, tuple(place), tuple(colour), error))
        tracks.append(np.array(track, np.int64).reshape(-1, 2))
    return Points.gathered(rows, tracks)


def written(model: Model) -> Mapping[str, bytes]:
    """The three files, by name; numbers have as many digits as they need to be read back unchanged."""
    cameras = [
        f"{camera.id} {camera.model} {camera.width} {camera.height} {_spelled(camera.params)}"
        for camera in model.cameras.values()
    ]
    images = []
    for image in model.images.values():
        pose = _spelled((*image.rotation, *image.translation))
        images.append(f"{image.id} {pose} {image.camera_id} {image.name}")
        pairs = zip(image.xy, image.point_ids, strict=True)
        images.append(" ".join(f"{_spelled(xy)} {max(int(id), -1)}" for xy, id in pairs))
    points = []
    for place, id in enumerate(model.points.ids):
        track = model.points.track[model.points.starts[place] : model.points.starts[place + 1]]
        colour = " ".join(str(int(value)) for value in model.points.rgb[place])
        ends = " ".join(str(int(value)) for value in track.ravel())
        points.append(f"{id} {_spelled(model.points.xyz[place])} {colour} {float(model.points.error[place])!r} {ends}")
    return {
        "cameras.txt": _file("# CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]", cameras),
        "images.txt": _file("# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then X Y POINT3D_ID in threes", images),
        "points3D.txt": _file("# POINT3D_ID X Y Z R G B ERROR, then IMAGE_ID POINT2D_IDX in pairs", points),
    }


def _file(heading: str, lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in (heading, *lines)).encode("utf-8")


def _spelled(values: tuple[float, ...] | np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in values)


def _lines(data: bytes, title: str) -> Iterator[tuple[int, str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(title, f"is no text from byte {error.start:,} on", _AGAIN) from error
    # Not splitlines: it would also break at characters that may stand in a name.
    yield from enumerate((line.rstrip("\r") for line in text.split("\n")), start=1)


def _records(data: bytes, title: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in _lines(data, title):
        if line.strip() and not line.startswith("#"):
            yield number, line.split()


def _need(words: list[str], count: int, title: str, line: int, what: str) -> None:
    if len(words) < count:
        raise BadInput(title, f"is damaged on line {line}: {what} needs {count} values, there are {len(words)}", _AGAIN)


def _numbers(words: list[str], title: str, line: int) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError as error:
        raise BadInput(title, f"is damaged on line {line}: {_odd(words, float)} is no number", _AGAIN) from error


def _integers(words: list[str], title: str, line: int) -> list[int]:
    try:
        values = [int(word) for word in words]
    except ValueError as error:
        raise BadInput(title, f"is damaged on line {line}: {_odd(words, int)} is no whole number", _AGAIN) from error
    if any(not -(2**63) <= value < 2**63 for value in values):
        raise BadInput(title, f"is damaged on line {line}: a number is too large", _AGAIN)
    return values


def _odd(words: list[str], kind: type) -> str:
    """The first of `words` that `kind` does not take, shortened for a message."""
    for word in words:
        try:
            kind(word)
        except ValueError:
            return ascii(word[:20])
    return "a value"
