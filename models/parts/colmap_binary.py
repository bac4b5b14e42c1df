"""cameras.bin, images.bin and points3D.bin: little-endian records, read with the place of every fault."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.parts.colmap_model import MODELS, Camera, Image, Model, Points, checked_camera, checked_image, known_model
from models.parts.problems import BadInput

_NO_POINT = -1
_FEATURE = np.dtype([("xy", "<f8", 2), ("id", "<i8")])
_LONGEST_NAME = 1000


class _Reader:
    """Takes records off the front of `data`; a fault tells the file and the byte."""

    def __init__(self, data: bytes, title: str) -> None:
        self.data, self.title, self.place = data, title, 0

    @property
    def where(self) -> str:
        return f"byte {self.place:,}"

    def fault(self, problem: str) -> BadInput:
        return BadInput(
            self.title,
            f"is damaged at {self.where}: {problem}",
            "Copy it, or export the model from COLMAP, again",
        )

    def take(self, layout: str) -> tuple[Any, ...]:
        size = struct.calcsize("<" + layout)
        if self.place + size > len(self.data):
            raise self.fault(f"it ends there, {size} bytes should follow")
        values = struct.unpack_from("<" + layout, self.data, self.place)
        self.place += size
        return values

    def count(self, what: str, smallest: int) -> int:
        """A number of records, each of at least `smallest` bytes: more than the rest can hold is a fault."""
        start = self.place
        (number,) = self.take("Q")
        if number * smallest > len(self.data) - self.place:
            self.place = start
            raise self.fault(f"it announces {number:,} {what}, more than fit into the rest of the file")
        return int(number)

    def array(self, dtype: np.dtype[Any], number: int) -> np.ndarray:
        values = np.frombuffer(self.data, dtype, number, self.place)
        self.place += number * dtype.itemsize
        return values

    def text(self) -> str:
        end = self.data.find(b"\0", self.place, self.place + _LONGEST_NAME)
        if end < 0:
            raise self.fault("the name of a picture does not end")
        raw = self.data[self.place : end]
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fault("the name of a picture is no text") from error
        if not name:
            raise self.fault("a picture has no name")
        self.place = end + 1
        return name

    def end(self) -> None:
        if self.place != len(self.data):
            raise self.fault(f"{len(self.data) - self.place:,} bytes follow the last record")


def read_cameras(data: bytes, title: str) -> dict[int, Camera]:
    """The cameras of the content of a cameras.bin, by id."""
    reader = _Reader(data, title)
    cameras = {}
    for _ in range(reader.count("cameras", 24)):
        where = reader.where
        id, number, width, height = reader.take("IiQQ")
        model = known_model(title, where, number)
        params = list(reader.take(f"{len(MODELS[model][1])}d"))
        cameras[id] = checked_camera(title, where, id, model, width, height, params)
    reader.end()
    return cameras


def read_images(data: bytes, title: str) -> dict[int, Image]:
    """The images of the content of an images.bin, by id."""
    reader = _Reader(data, title)
    images = {}
    for _ in range(reader.count("images", 74)):
        where = reader.where
        id, *pose, camera_id = reader.take("I7dI")
        name = reader.text()
        features = reader.array(_FEATURE, reader.count("features", _FEATURE.itemsize))
        images[id] = checked_image(
            title, where, id, pose, camera_id, name, features["xy"].astype(np.float64), features["id"].astype(np.int64)
        )
    reader.end()
    return images


def read_points(data: bytes, title: str) -> Points:
    """The points of the content of a points3D.bin."""
    reader = _Reader(data, title)
    rows: list[tuple[int, tuple[float, ...], tuple[int, ...], float]] = []
    tracks = []
    pair = np.dtype("<u4")
    for _ in range(reader.count("points", 51)):
        where = reader.place
        id, x, y, z, red, green, blue, error = reader.take("Q3d3Bd")
        track = reader.array(pair, 2 * reader.count("observations", 8))
        if not np.isfinite((x, y, z)).all() or id > np.iinfo(np.int64).max:
            reader.place = where
            raise reader.fault(f"point {id} has no place")
        rows.append((id, (x, y, z), (red, green, blue), error))
        tracks.append(track.reshape(-1, 2).astype(np.int64))
    reader.end()
    return Points.gathered(rows, tracks)


def written(model: Model) -> Mapping[str, bytes]:
    """The three files, by name."""
    return {
        "cameras.bin": _cameras(model),
        "images.bin": _images(model),
        "points3D.bin": _points(model.points),
    }


def _cameras(model: Model) -> bytes:
    parts = [struct.pack("<Q", len(model.cameras))]
    for camera in model.cameras.values():
        number = MODELS[camera.model][0]
        parts.append(struct.pack("<IiQQ", camera.id, number, camera.width, camera.height))
        parts.append(struct.pack(f"<{len(camera.params)}d", *camera.params))
    return b"".join(parts)


def _images(model: Model) -> bytes:
    parts = [struct.pack("<Q", len(model.images))]
    for image in model.images.values():
        parts.append(struct.pack("<I7dI", image.id, *image.rotation, *image.translation, image.camera_id))
        parts.append(image.name.encode("utf-8") + b"\0" + struct.pack("<Q", len(image.xy)))
        features = np.empty(len(image.xy), _FEATURE)
        features["xy"], features["id"] = image.xy, np.where(image.point_ids < 0, _NO_POINT, image.point_ids)
        parts.append(features.tobytes())
    return b"".join(parts)


def _points(points: Points) -> bytes:
    parts = [struct.pack("<Q", len(points.ids))]
    for place, id in enumerate(points.ids):
        track = points.track[points.starts[place] : points.starts[place + 1]]
        parts.append(struct.pack("<Q3d3Bd", id, *points.xyz[place], *points.rgb[place], points.error[place]))
        parts.append(struct.pack("<Q", len(track)) + track.astype("<u4").tobytes())
    return b"".join(parts)
