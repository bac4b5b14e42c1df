"""``launch.py train hugs --folder SCENE``: the paper's training of one scene, with masks or without."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file

from models.hugs.datasets import dataset_kind, load_dataset
from models.hugs.loading import load_capture
from models.hugs.network_config import CONFIGS, PHOTOTOURISM_BOUNDS, TINY, NerfactoConfig
from models.hugs.sfm_align import camera_frame, centred
from models.hugs.training import TrainingProgress, render, train
from models.hugs.training_config import TRAININGS, TrainingConfig
from models.parts.capture import Capture, View
from models.parts.metrics import psnr, ssim
from models.parts.problems import BadInput

REPORT_S = 15.0
Masks = dict[str, npt.NDArray[np.bool_]]


def options() -> argparse.ArgumentParser:
    """What ``launch.py train hugs`` takes."""
    parser = argparse.ArgumentParser(prog="launch.py train hugs", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, required=True, help="a scene of the data sets, or any posed project")
    parser.add_argument("--masks", type=Path, help="folder of static PNGs named like the photos, white is used")
    parser.add_argument("--training", choices=sorted(TRAININGS), default="final", help="which schedule of the paper")
    parser.add_argument("--network", choices=sorted(CONFIGS), help="which network (default: that of the data set)")
    parser.add_argument("--iterations", type=int, help="other than the schedule's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/hugs/nerfacto.safetensors"), help="the weights")
    parser.add_argument("--quick", action="store_true", help="a tiny network for a few steps, to see that it runs")
    return parser


def main(words: Sequence[str]) -> int:
    """Trains, writes the weights and prints PSNR and SSIM of the held-out views; 1 for input that cannot be used."""
    asked = options().parse_args(list(words))
    try:
        capture, kind = _scene(asked.folder)
        masks = read_masks(capture.views, asked.masks) if asked.masks else None
        network, config = _settings(asked, kind)
        capture = into_training_frame(capture, contracted=network.bound is None)
        side = 32 if asked.quick else 10_000
        progress = _train(capture, masks, network, config, asked, side)
    except BadInput as problem:
        print(problem, file=sys.stderr)
        return 1
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous().cpu() for name, value in progress.model.state_dict().items()}, asked.out)
    print(f"weights: {asked.out}")
    for line in _scores(progress, capture.held_out, side):
        print(line)
    return 0


def read_masks(views: Sequence[View], folder: Path) -> Masks:
    """View name -> (H, W) bool, from ``name``, ``name.png`` or the stem with .png. Raises BadInput for absent ones."""
    masks = {}
    for view in views:
        stem = Path(view.name).stem
        names = (view.name, f"{view.name}.png", f"{stem}.png", f"{Path(view.name).name}.png")
        file = next((folder / name for name in names if (folder / name).is_file()), None)
        picture = None if file is None else cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise BadInput(view.name, "has no static map in the folder", "Export the static PNGs of all photos")
        height, width = view.size
        masks[view.name] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) >= 128
    return masks


def into_training_frame(capture: Capture, contracted: bool) -> Capture:
    """With space contracted: re-centred on the mean structure point and scaled until the cameras lie in [-1, 1]."""
    if not contracted or not capture.posed:
        return capture
    frame = camera_frame(capture.posed, None if capture.structure is None else capture.structure.xyz)
    views, held_out = (tuple(centred(view, *frame) for view in group) for group in (capture.views, capture.held_out))
    return replace(capture, views=views, held_out=held_out, structure=None)


def _scene(folder: Path) -> tuple[Capture, str]:
    kind = dataset_kind(folder)
    return (load_dataset(folder, kind), kind) if kind else (load_capture(folder), "distractor")


def _settings(asked: argparse.Namespace, kind: str) -> tuple[NerfactoConfig, TrainingConfig]:
    network = CONFIGS[asked.network or kind]
    bound = PHOTOTOURISM_BOUNDS.get(asked.folder.name)
    if kind == "phototourism" and bound:
        network = replace(network, bound=bound, far=2 * bound)
    config = TRAININGS[asked.training]
    if asked.quick:
        network, config = replace(TINY, images=3500), replace(config, iterations=20, patches=4, warm_up=2)
    if asked.iterations:
        config = replace(config, iterations=asked.iterations)
    return network, config


def _train(
    capture: Capture,
    masks: Masks | None,
    network: NerfactoConfig,
    config: TrainingConfig,
    asked: argparse.Namespace,
    side: int,
) -> TrainingProgress:
    last = time.monotonic()
    random = np.random.default_rng(asked.seed)
    for progress in train(capture.views, masks, network, config, random, asked.device, side):
        if time.monotonic() - last > REPORT_S or progress.step == progress.steps:
            last = time.monotonic()
            terms = ", ".join(f"{name} {value:.4f}" for name, value in progress.terms.items())
            print(f"step {progress.step} of {progress.steps}: {terms}", file=sys.stderr, flush=True)
    return progress


def _scores(progress: TrainingProgress, views: Sequence[View], side: int) -> list[str]:
    """PSNR and SSIM of each held-out view as the authors measure them, on 8-bit pictures, and their means."""
    lines, found = [], []
    for view in views:
        if view.intrinsics is None or view.camera_to_world is None:
            continue
        factor = min(1.0, side / max(view.size))
        height, width = (max(11, round(length * factor)) for length in view.size)
        picture = render(progress.model, view.intrinsics.scaled(width, height), view.camera_to_world)[0]
        truth = cv2.resize(view.image, (width, height), interpolation=cv2.INTER_AREA) / 255
        shown = np.rint(picture * 255) / 255
        found.append((psnr(shown, truth), ssim(shown, truth)))
        lines.append(f"{view.name}: PSNR {found[-1][0]:.2f} dB, SSIM {found[-1][1]:.3f}")
    if found:
        means = np.mean(found, axis=0)
        lines.append(f"mean of {len(found)}: PSNR {means[0]:.2f} dB, SSIM {means[1]:.3f}")
    return lines
