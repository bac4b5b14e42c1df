"""Receptive fields of the shipped networks, of untrained ones and of a user's checkpoint on the user's photo."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.parts.large_kernel_dispatch import default
from models.parts.problems import BadInput
from models.pelk import METHOD, nano
from models.pelk.config import IMAGENET_DEVIATION, IMAGENET_MEAN
from models.pelk.explore import Network, Tick, blocks_of, fields_by_depth
from models.pelk.pipeline_nets import Net, drawn, label_of, require_trained, trained
from models.pelk.pipeline_own import Own
from models.runtime import Job, JobContext

Source = Literal["pathfinder", "segmentation", "untrained", "file"]
SOURCES: tuple[Source, ...] = get_args(Source)
SIZES = (96, 128, 224, 256, 384, 512)
MOST_VIEWS = 16


@dataclass(frozen=True)
class Fields:
    """Fields of several networks at one input. image: (size, size, 3) uint8, what they saw. note: what became of a
    checkpoint's tensors."""

    size: int
    views: int
    source: Source
    image: npt.NDArray[np.uint8]
    networks: tuple[Network, ...]
    milliseconds: float
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values without pictures."""
        return {
            "input_px": self.size,
            "views": self.views,
            "source": self.source,
            "milliseconds": self.milliseconds,
            "note": self.note,
            "networks": [network.as_dict() for network in self.networks],
        }


def fields_job(
    user: str,
    image: npt.NDArray[np.uint8],
    digest: str,
    source: Source = "pathfinder",
    size: int = 128,
    views: int = 1,
    seed: int = 0,
    own: Own | None = None,
) -> Job:
    """``show_fields`` as a job. Raises BadInput for settings out of range, missing weights, or no file given."""
    if source not in SOURCES:
        raise BadInput("The networks", f"{source!r} do not exist", f"Choose one of {', '.join(SOURCES)}")
    if size not in SIZES:
        raise BadInput("The input size", f"is {size} px", f"Choose one of {', '.join(map(str, SIZES))} px")
    if not 1 <= views <= MOST_VIEWS:
        raise BadInput("The number of views", f"is {views}", f"Choose 1 to {MOST_VIEWS}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 1:
        raise BadInput("The image", f"has the shape {image.shape}", "Give (height, width, 3) bytes")
    if source == "file" and own is None:
        raise BadInput("Your checkpoint", "is not loaded", "Choose a file under More and press Use this checkpoint")
    if source in ("pathfinder", "segmentation"):
        require_trained(source)
    arguments = {"image": image, "source": source, "size": size, "views": views, "seed": seed, "own": own}
    return Job(
        user,
        METHOD.slug,
        own.name if own is not None and source == "file" else source,
        show_fields,
        arguments,
        shape_bucket=f"{source} {size} {views}",
        label="Receptive fields",
        seed=seed,
        inputs_digest=digest,
        weights_digest=own.digest if own is not None and source == "file" else "",
        peak_bytes={"host": 40_000 * size * size},
        cost_hints={"run_s": 2.0 * views * (size / 128) ** 2},
    )


def show_fields(
    context: JobContext,
    model: None,
    *,
    image: npt.NDArray[np.uint8],
    source: Source,
    size: int,
    views: int,
    seed: int,
    own: Own | None,
) -> Generator[Fields, None, Fields]:
    """Job body: yields the networks done so far, returns all."""
    del model
    start = time.perf_counter()
    square = squared(image, size)
    seen = _views(square, views, seed)
    done: list[Network] = []
    count = 1 if source == "file" else len(nano.VARIANTS)

    def found() -> Fields:
        note = own.report if own is not None and source == "file" else ""
        return Fields(size, views, source, square, tuple(done), 1000 * (time.perf_counter() - start), note)

    for index in range(count):

        def tick(share: float, index: int = index) -> None:
            context.tick((index + share) / count, f"Network {index + 1} of {count}")

        tick(0.0)
        with ExitStack() as leases, _nothing_measured():
            if source == "file":
                assert own is not None
                done.append(_of_own(context, leases, own, seen, tick))
            else:
                done.append(_of_shipped(context, leases, source, nano.VARIANTS[index], seen, seed, tick))
        if index + 1 < count:
            yield found()
    return found()


def _of_own(context: JobContext, leases: ExitStack, own: Own, seen: np.ndarray, tick: Tick) -> Network:
    """After the last block of every stage: such networks have dozens of blocks."""
    net = leases.enter_context(context.resource(own.resource()))
    pixels = _tensor(seen, net.config.in_channels, context.device)
    if net.config.in_channels == 3:
        mean, deviation = (pixels.new_tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        pixels = (pixels - mean) / deviation
    layers = [(f"stage {number + 1}", blocks[-1]) for number, blocks in enumerate(net.stages)]
    return Network("file", own.title, own.complete, own.name, fields_by_depth(net, pixels, layers, tick))


def _of_shipped(
    context: JobContext,
    leases: ExitStack,
    source: Source,
    variant: nano.Variant,
    seen: np.ndarray,
    seed: int,
    tick: Any,
) -> Network:
    net: Net
    if source == "untrained":
        net, weights = drawn("segmentation", variant, seed).to(context.device), f"drawn with seed {seed}"
    else:
        assert source in ("pathfinder", "segmentation")
        net = leases.enter_context(context.resource(trained(source, variant)))
        weights = f"trained here on {source}"
    label = label_of(net, variant)
    pixels = _tensor(seen, net.trunk.config.in_channels, context.device)
    depths = fields_by_depth(net, pixels, blocks_of(net), tick)
    return Network(variant, label.title, source != "untrained", weights, depths)


@contextmanager
def _nothing_measured() -> Iterator[None]:
    """Known timings and the built-in rule choose: measuring a dozen new cases would take longer than the fields."""
    dispatcher = default()
    before, dispatcher.measure = dispatcher.measure, False
    try:
        yield
    finally:
        dispatcher.measure = before


def squared(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """The middle square of (H, W, 3), resized to (size, size, 3)."""
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    middle = image[top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(np.ascontiguousarray(middle), (size, size), interpolation=how))


def _views(square: npt.NDArray[np.uint8], views: int, seed: int) -> npt.NDArray[np.uint8]:
    """(views, S, S, 3): the picture itself, then shifted by up to an eighth of its side, mirrored at the border."""
    size = square.shape[0]
    reach = max(1, size // 8)
    rng = np.random.default_rng([seed, 7])
    padded = np.pad(square, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
    shifts = [(reach, reach), *rng.integers(0, 2 * reach + 1, (views - 1, 2)).tolist()]
    return np.stack([padded[y : y + size, x : x + size] for y, x in shifts])


def _tensor(seen: np.ndarray, channels: int, device: str) -> Tensor:
    """(B, S, S, 3) uint8 -> (B, C, S, S) in 0..1; one channel takes the luminance."""
    pixels = torch.from_numpy(seen).permute(0, 3, 1, 2).float() / 255
    if channels == 1:
        pixels = (pixels * pixels.new_tensor((0.299, 0.587, 0.114))[:, None, None]).sum(1, keepdim=True)
    elif channels != 3:
        raise BadInput("The network", f"takes {channels} channels", "Choose one that takes grey or colour pictures")
    return pixels.to(device)
