"""The shipped capture with its stages already computed: one zip of photos, cameras, points, pictures and segments.

Reading it needs no torch, so the room can answer from it at once. ``python -m app.panels.hugs_make_examples`` makes it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.hugs.fusion_config import FusionConfig
from models.hugs.pipeline_compare_types import CompareResult, Trained
from models.hugs.pipeline_work import Work
from models.hugs.proposals import Proposal
from models.method import ASSETS
from models.parts.capture import Capture, Intrinsics, Keypoints, Structure, View
from models.parts.problems import BadInput

FOLDER = ASSETS / "examples" / "hugs"
FILE = FOLDER / "sample.zip"
PHOTO_QUALITY, RENDER_QUALITY = 90, 90
STEP = 8
"""Features are kept to an eighth of a pixel."""

Image = npt.NDArray[np.uint8]


@dataclass(eq=False)
class Sample:
    """``work``: the capture with structure, renders and segments. ``losses``: of the residual's training; ``looks``:
    pictures taken along it, step -> (h, w, 3) uint8 of frame ``watched``. ``extras``: further files by name, as the
    comparison of radiance fields.
    """

    work: Work
    losses: tuple[tuple[int, float], ...] = ()
    watched: str = ""
    looks: dict[int, Image] = field(default_factory=dict)
    extras: dict[str, bytes] = field(default_factory=dict)


def save(sample: Sample, file: Path, *, exact: bool = True) -> None:
    """Writes the zip. ``exact``: photos and renders as PNG, to go on from later; else as JPEG (small: then the stages
    should have been computed on photos that were so stored).
    """
    capture = sample.work.capture
    about: dict[str, Any] = {
        "name": capture.name,
        "notes": list(capture.notes),
        "views": [_described(view) for view in capture.views],
        "held_out": [_described(view) for view in capture.held_out],
        "fusion": asdict(sample.work.fusion),
        "forced": {name: list(given.items()) for name, given in sample.work.forced.items()},
        "proposals": {name: proposal.name for name, proposal in sample.work.proposals.items()},
        "losses": [list(pair) for pair in sample.losses],
        "watched": sample.watched,
        "looks": sorted(sample.looks),
        "own": sorted(sample.work.own),
        "extras": sorted(sample.extras),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        packed.writestr("about.json", json.dumps(about))
        for view in (*capture.views, *capture.held_out):
            packed.writestr(f"photos/{view.name}", photo(view.image, exact=exact))
            if view.truth is not None:
                packed.writestr(f"truth/{view.name}.png", png(view.truth.astype(np.uint8) * 255))
        for name, render in sample.work.renders.items():
            packed.writestr(f"renders/{name}", photo(render, exact=exact))
        for name, proposal in sample.work.proposals.items():
            packed.writestr(f"segments/{name}.png", png(proposal.segments.astype(np.uint16)))
        for name, mask in sample.work.own.items():
            packed.writestr(f"own/{name}.png", png(mask.astype(np.uint8) * 255))
        for step, picture in sample.looks.items():
            packed.writestr(f"looks/{step}.jpg", jpeg(picture, RENDER_QUALITY))
        if capture.structure is not None:
            packed.writestr("structure.npz", _structure(capture))
        for name, data in sample.extras.items():
            packed.writestr(f"extras/{name}", data)


def add_extras(file: Path, extras: Mapping[str, bytes]) -> None:
    """Puts further files into a zip; what is in it stays as it is, to the byte."""
    with zipfile.ZipFile(file) as packed:
        kept = {name: packed.read(name) for name in packed.namelist() if not name.startswith("extras/")}
    about = json.loads(kept["about.json"])
    about["extras"] = sorted(extras)
    kept["about.json"] = json.dumps(about).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, data in (*kept.items(), *((f"extras/{name}", data) for name, data in extras.items())):
            packed.writestr(name, data)


def load(file: Path = FILE) -> Sample:
    """Reads the zip. Raises BadInput when it is missing or damaged."""
    try:
        with zipfile.ZipFile(file) as packed:
            return _read(packed)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        remedy = "Make it anew with python -m app.panels.hugs_make_examples"
        raise BadInput(file.name, "cannot be read as the shipped capture", remedy) from error


def _read(packed: zipfile.ZipFile) -> Sample:
    about = json.loads(packed.read("about.json"))
    files = set(packed.namelist())

    def view(told: Mapping[str, Any]) -> View:
        name = told["name"]
        truth = f"truth/{name}.png"
        return View(
            name,
            decoded(packed.read(f"photos/{name}")),
            Intrinsics(**told["intrinsics"]) if told["intrinsics"] else None,
            np.array(told["camera_to_world"]) if told["camera_to_world"] else None,
            decoded(packed.read(truth), cv2.IMREAD_GRAYSCALE) > 127 if truth in files else None,
            tuple(told["original_size"]) if told["original_size"] else None,
        )

    views = tuple(view(told) for told in about["views"])
    held_out = tuple(view(told) for told in about["held_out"])
    structure = _structure_of(packed.read("structure.npz")) if "structure.npz" in files else None
    work = Work(Capture(about["name"], views, structure, held_out, tuple(about["notes"])))
    for name in work.names:
        if f"renders/{name}" in files:
            work.take_render(name, decoded(packed.read(f"renders/{name}")))
        if f"segments/{name}.png" in files:
            labels = decoded(packed.read(f"segments/{name}.png"), cv2.IMREAD_UNCHANGED).astype(np.int32)
            work.take_proposal(name, Proposal(about["proposals"][name], labels))
    work.fusion = FusionConfig(**about["fusion"]).checked()
    work.forced = {name: {int(key): bool(value) for key, value in given} for name, given in about["forced"].items()}
    # Works written before there were such masks have no list of them.
    own = about.get("own", [])
    work.take_own({name: decoded(packed.read(f"own/{name}.png"), cv2.IMREAD_GRAYSCALE) > 127 for name in own})
    return Sample(
        work,
        tuple((int(step), float(loss)) for step, loss in about["losses"]),
        about["watched"],
        {step: decoded(packed.read(f"looks/{step}.jpg")) for step in about["looks"]},
        {name: packed.read(f"extras/{name}") for name in about["extras"]},
    )


def _described(view: View) -> dict[str, Any]:
    pose = None if view.camera_to_world is None else view.camera_to_world.tolist()
    return {
        "name": view.name,
        "intrinsics": asdict(view.intrinsics) if view.intrinsics is not None else None,
        "camera_to_world": pose,
        "original_size": view.original_size,
    }


def _structure(capture: Capture) -> bytes:
    structure = capture.structure
    if structure is None:
        raise ValueError("the capture has no structure")
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "names": np.array(sorted(structure.keypoints)),
        "ids": structure.ids,
        "xyz": structure.xyz.astype(np.float32),
        "rgb": structure.rgb,
        "track_length": structure.track_length.astype(np.int32),
    }
    for number, name in enumerate(sorted(structure.keypoints)):
        points = structure.keypoints[name]
        arrays[f"xy{number}"] = np.rint(points.xy * STEP).astype(np.int16)
        arrays[f"id{number}"] = points.point_ids.astype(np.int32)
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)  # type: ignore[arg-type]
    return data.getvalue()


def _structure_of(data: bytes) -> Structure:
    with np.load(io.BytesIO(data)) as file:
        keypoints = {
            str(name): Keypoints(file[f"xy{number}"].astype(np.float32) / STEP, file[f"id{number}"].astype(np.int64))
            for number, name in enumerate(file["names"])
        }
        return Structure(
            keypoints,
            file["ids"].astype(np.int64),
            file["xyz"].astype(np.float64),
            file["rgb"],
            file["track_length"].astype(np.int64),
        )


def jpeg(image: Image, quality: int) -> bytes:
    """(H, W, 3) uint8 RGB as JPEG."""
    return bytes(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def photo(image: Image, *, exact: bool) -> bytes:
    """(H, W, 3) uint8 RGB as PNG, or as JPEG when it need not be exact."""
    return png(image[..., ::-1]) if exact else jpeg(image, PHOTO_QUALITY)


def png(image: npt.NDArray[np.generic]) -> bytes:
    """(H, W) uint8 or uint16, or (H, W, 3) BGR, as PNG."""
    return bytes(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 6])[1])


def decoded(data: bytes, flags: int = cv2.IMREAD_COLOR_RGB) -> Image:
    """A picture of the zip; raises ValueError when it is none."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise ValueError("a picture cannot be read")
    return np.asarray(image)


def compare_extras(result: CompareResult) -> dict[str, bytes]:
    """The comparison as files of the zip."""
    about = {
        "steps": result.steps,
        "seed": result.seed,
        "trained": [
            {
                "masks": one.masks,
                "psnr": one.psnr,
                "ssim": one.ssim,
                "held_out": sorted(one.held_out),
                "video": len(one.video),
            }
            for one in result.trained
        ],
    }
    files = {"compare/about.json": json.dumps(about).encode()}
    for one in result.trained:
        for name, picture in one.held_out.items():
            files[f"compare/{one.masks}/{name}.jpg"] = jpeg(picture, RENDER_QUALITY)
        for number, picture in enumerate(one.video):
            files[f"compare/{one.masks}/video/{number:03d}.jpg"] = jpeg(picture, RENDER_QUALITY)
    return files


def comparison(sample: Sample) -> CompareResult | None:
    """The shipped comparison, None when the file has none."""
    if "compare/about.json" not in sample.extras:
        return None
    about = json.loads(sample.extras["compare/about.json"])

    def trained(told: Mapping[str, Any]) -> Trained:
        folder = f"compare/{told['masks']}"
        return Trained(
            told["masks"],
            told["psnr"],
            told["ssim"],
            {name: decoded(sample.extras[f"{folder}/{name}.jpg"]) for name in told["held_out"]},
            tuple(decoded(sample.extras[f"{folder}/video/{number:03d}.jpg"]) for number in range(told["video"])),
        )

    return CompareResult(tuple(trained(told) for told in about["trained"]), about["steps"], about["seed"])
