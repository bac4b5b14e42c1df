"""The paper's protocol on the user's own folders, with the embedded weights or a checkpoint.

IoU, pixel accuracy and Dice of thresholded masks at the size of the picture; per kind, over all degraded pictures, and
average = (15 degraded + 1 clear) / 16 (paper, section 4). Three random points an object; their seed is crc32 of the
picture's file name, which the paper leaves open. Also COCO's average precision, over objects that are asked for one by
one. Masks do not follow the elastic degradation here: a folder's masks are what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.parts.digests import file_digest
from models.robust_sam import folder_contract, official
from models.robust_sam.decoder import Branch
from models.robust_sam.evaluation_config import PromptKind
from models.robust_sam.evaluation_intervals import interval, mixture
from models.robust_sam.folder_contract import CLEAR, FolderProblem, Picture, Split
from models.robust_sam.pipeline import weights_file
from models.robust_sam.protocol import POINTS, Prompt, Subject, middle_point, seed_of, true_box

__all__ = ["Door", "FolderProblem", "Scores", "average_precision", "evaluate_folder", "points_of", "scores"]

Door = Callable[[Path], Path]
"""Turns a checkpoint file into a safetensors file that has been checked."""

ROW_OF: dict[Branch, str] = {"sam": "plain", "robust": "robust"}
METRICS = ("iou", "pixel_accuracy", "dice")
KINDS_OF_THE_PAPER = 15
_THRESHOLDS = np.arange(0.5, 0.96, 0.05)
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Scores:
    """One answer against its true mask: shares in 0..1. ``expected``: the IoU the network predicted."""

    iou: float
    pixel_accuracy: float
    dice: float
    expected: float


def evaluate_folder(
    folder: Path,
    checkpoint: Path | None = None,
    *,
    door: Door,
    say: Callable[[str], None] = lambda line: None,
    prompt: PromptKind = "three_points",
) -> dict[str, Any]:
    """Figures and configuration, as a report has them. Names begin with the split's where there are several.

    Raises FolderProblem for a folder that is not as the protocol needs it, runtime.WrongCheckpoint for other weights.
    """
    splits = folder_contract.read(folder)
    file = weights_file() if checkpoint is None else door(checkpoint)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = official.load(file, device)
    subject = Subject(model.to(memory_format=torch.channels_last) if model.config.vit is None else model, device)
    figures: dict[str, Any] = {}
    for split in splits:
        prefix = f"{split.name}_" if len(splits) > 1 else ""
        figures |= {f"{prefix}{name}": value for name, value in measure(subject, split, prompt, say).items()}
    return {
        "figures": figures,
        "config": {
            "weights": model.config.name if checkpoint is None else checkpoint.name,
            "weights_digest": file_digest(file),
            "prompt": prompt,
            "points": POINTS if prompt == "three_points" else 1,
            "point_seed": "crc32 of the file name",
            "average": f"({KINDS_OF_THE_PAPER} degraded + 1 clear) / {KINDS_OF_THE_PAPER + 1}",
            "kinds": {split.name: split.degraded for split in splits},
            "pictures": {split.name: {kind: len(files) for kind, files in split.kinds.items()} for split in splits},
        },
    }


def measure(subject: Subject, split: Split, prompt: PromptKind, say: Callable[[str], None]) -> dict[str, Any]:
    """The figures of one split, without its name."""
    # Branch -> kind -> picture -> the scores of its objects.
    kept: dict[str, dict[str, dict[str, list[Scores]]]] = {}
    for kind, pictures in split.kinds.items():
        say(f"{split.name}/{kind}: {len(pictures)} pictures")
        for picture in pictures:
            for branch, found in scores(subject, picture, prompt).items():
                kept.setdefault(ROW_OF[branch], {}).setdefault(kind, {})[picture.file.stem] = found
    figures: dict[str, Any] = {}
    for row, by_kind in kept.items():
        names = sorted({name for pictures in by_kind.values() for name in pictures})
        for metric in METRICS:
            values = {kind: _groups(pictures, names, metric) for kind, pictures in by_kind.items()}
            figures |= _of_metric(values, f"{metric}_{row}")
        for state, kinds in (("clear", [CLEAR]), ("degraded", split.degraded)):
            answers = [one for kind in kinds for group in by_kind[kind].values() for one in group]
            if answers:
                expected = [one.expected for one in answers]
                figures[f"{state}_ap_{row}"] = round(average_precision([one.iou for one in answers], expected), 4)
    if "robust" in kept and split.degraded:
        figures["degraded_gain"] = interval(_gains(kept, split.degraded))
        figures["clear_gain"] = interval(_gains(kept, [CLEAR]))
    return figures


def _of_metric(values: dict[str, list[list[float]]], ending: str) -> dict[str, Any]:
    """``values``: kind -> the values of each picture, in one order of pictures for all kinds."""
    clear = values[CLEAR]
    figures: dict[str, Any] = {f"clear_{ending}": interval(clear)}
    others = [groups for kind, groups in values.items() if kind != CLEAR]
    if others:
        degraded = [[value for groups in of_picture for value in groups] for of_picture in zip(*others, strict=True)]
        parts = [(KINDS_OF_THE_PAPER, degraded), (1, clear)]
        figures |= {f"degraded_{ending}": interval(degraded), f"average_{ending}": mixture(parts)}
    if ending.startswith("iou"):
        figures |= {f"{kind}_{ending}": interval(groups) for kind, groups in values.items() if kind != CLEAR}
    return figures


def _groups(pictures: dict[str, list[Scores]], names: Sequence[str], metric: str) -> list[list[float]]:
    return [[getattr(one, metric) for one in pictures.get(name, [])] for name in names]


def _gains(kept: dict[str, dict[str, dict[str, list[Scores]]]], kinds: Sequence[str]) -> list[list[float]]:
    """Robust minus plain IoU of the same objects, by picture over the kinds."""
    gains: dict[str, list[float]] = {}
    for kind in kinds:
        for name, ours in kept["robust"][kind].items():
            theirs = kept["plain"][kind][name]
            gains.setdefault(name, []).extend(a.iou - b.iou for a, b in zip(ours, theirs, strict=True))
    return list(gains.values())


def scores(subject: Subject, picture: Picture, prompt: PromptKind = "three_points") -> dict[Branch, list[Scores]]:
    """Every object of one picture asked once: branch -> its scores in the order of the masks."""
    image, masks = picture.read()
    subject.look(image)
    if prompt == "three_points":
        prompts = points_of(masks, picture.name)
    else:
        prompts = [true_box(mask) if prompt == "box" else middle_point(mask) for mask in masks]
    return {
        branch: [
            _compared(answer, mask, float(expected))
            for answer, mask, expected in zip(answers.masks, masks, answers.predicted, strict=True)
        ]
        for branch, answers in subject.ask(prompts).items()
    }


def points_of(masks: np.ndarray, name: str) -> list[Prompt]:
    """Three random pixels of each mask (N, H, W), drawn mask by mask from one generator seeded with crc32(``name``)."""
    rng = np.random.default_rng(seed_of(name))
    prompts = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        chosen = rng.integers(len(rows), size=POINTS)
        prompts.append(Prompt(np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float64), np.ones(POINTS)))
    return prompts


def _compared(answer: np.ndarray, mask: np.ndarray, expected: float) -> Scores:
    both, either = int((answer & mask).sum()), int((answer | mask).sum())
    return Scores(
        iou=both / either if either else 1.0,
        pixel_accuracy=float((answer == mask).mean()),
        dice=2 * both / (either + both) if either else 1.0,
        expected=expected,
    )


def average_precision(ious: Sequence[float], expected: Sequence[float]) -> float:
    """COCO's AP: mean over IoU thresholds .50 to .95 of the 101-point precision, answers ranked by ``expected`` IoU.

    Each object was asked for by itself, so its answer is matched with it and no other.
    """
    order = np.argsort(-np.asarray(expected, dtype=np.float64), kind="stable")
    ranked = np.asarray(ious, dtype=np.float64)[order]
    total = []
    for threshold in _THRESHOLDS:
        right = np.cumsum(ranked >= threshold - 1e-12)
        recall = right / len(ranked)
        precision = np.maximum.accumulate((right / np.arange(1, len(ranked) + 1))[::-1])[::-1]
        place = np.searchsorted(recall, _RECALLS, side="left")
        total.append(np.where(place < len(ranked), precision[np.minimum(place, len(ranked) - 1)], 0.0).mean())
    return float(np.mean(total))
