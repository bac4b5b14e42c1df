"""The paper's zero-shot protocol on the user's own videos: UCF101, HMDB51, Kinetics-600 or any other lists.

    launch.py evaluate ost --videos FOLDER --lists test1.txt test2.txt --labels labels.csv
        --spatial spatial.json --temporal temporal.json
        [--checkpoint FILE] [--zero-shot FILE] [--ratio 0.2] [--frames 32]

A list has one "file label" a line, the label a number of the label CSV (header id,name). Every list is a split;
figures are those of each split and, of several, their mean and standard deviation. Nothing is left out: the authors'
loader drops up to one video a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.ost import official
from models.ost.descriptors import ClassList, from_official, names_from_csv
from models.ost.evaluation_intervals import interval
from models.ost.evaluation_measure import Clips, bank_of, logits, right
from models.ost.frames import cropped, normalised, preparation
from models.ost.network import unit
from models.ost.weights import Recogniser, tokeniser_for, weights_digest, weights_file
from models.parts.problems import BadInput
from models.parts.video import open_video
from models.parts.video_sampling import evaluation_indices

Door = Callable[[Path], Path]
"""Turns a checkpoint file into a safetensors file that has been checked."""
WAYS = ("name", "bare_name", "mean_pooled", "ot", "ost")
TOP = 5


@dataclass(frozen=True)
class Asked:
    """What to measure: the folder that the lists' files are relative to, the lists, and the classes."""

    videos: Path
    lists: tuple[Path, ...]
    classes: ClassList
    frames: int = 32


def read_classes(labels: Path, spatial: Path, temporal: Path) -> ClassList:
    """The classes from the authors' three files. Raises BadInput."""
    return from_official(names_from_csv(_text(labels)), _text(spatial), _text(temporal)).checked()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInput(file.name, f"cannot be read ({problem})", "Give a text file in UTF-8") from problem


def read_list(file: Path, videos: Path, classes: int) -> list[tuple[Path, int]]:
    """(file, label) of every line. Raises BadInput naming the line: no label, a label outside, a missing file."""
    found = []
    for number, line in enumerate(_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().rpartition(" ")
        where = f"{file.name}, line {number},"
        if not name or not label.isdigit():
            raise BadInput(where, f"is {line.strip()[:60]!r}", "Write the file, a space and the number of its class")
        if int(label) >= classes:
            raise BadInput(where, f"has the label {label} of {classes} classes", "Give the label file of this list")
        if not (videos / name).is_file():
            raise BadInput(where, f"names {name}, which is not in {videos.name}", "Give the folder the list is about")
        found.append((videos / name, int(label)))
    if not found:
        raise BadInput(file.name, "lists no video", "Give a list with one file and label a line")
    return found


def evaluate_lists(
    asked: Asked,
    checkpoint: Path | None,
    zero_shot: Path | None,
    ratio: float,
    *,
    door: Door,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Top-1 of every way and top-5 of OST, as a report has them.

    Raises BadInput for lists and videos, runtime.WrongCheckpoint for weights.
    """
    splits = {file.stem: read_list(file, asked.videos, len(asked.classes)) for file in asked.lists}
    file = weights_file() if checkpoint is None else door(checkpoint)
    base = None if zero_shot is None else door(zero_shot)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = official.load(file, device, base, ratio if base is not None else 0.0)
    recogniser = Recogniser(model, tokeniser_for(model, file))
    bank = bank_of(recogniser, asked.classes)
    figures: dict[str, Any] = {}
    tops: dict[str, list[float]] = {}
    for title, listed in splits.items():
        clips = encoded_files(recogniser, listed, asked.frames, lambda line, t=title: say(f"{t}: {line}"))
        scores = logits(clips, bank, float(model.scale))
        answers = {way: right(scores[way], clips.labels) for way in WAYS}
        place = np.argsort(-scores["ost"], axis=1)[:, : min(TOP, len(asked.classes))]
        answers["ost_top_5"] = (place == clips.labels[:, None]).any(axis=1).astype(np.float64)
        prefix = f"{title}_" if len(splits) > 1 else ""
        for way, values in answers.items():
            figures[f"{prefix}{way}"] = interval(values[None])
            tops.setdefault(way, []).append(float(values.mean()))
    if len(splits) > 1:
        for way, shares in tops.items():
            figures |= {f"mean_{way}": round(float(np.mean(shares)), 4), f"std_{way}": round(float(np.std(shares)), 4)}
    return {
        "figures": figures,
        "config": {
            "weights": model.config.name if checkpoint is None else checkpoint.name,
            "weights_digest": weights_digest(file),
            "zero_shot_share": ratio if base is not None else 0.0,
            "frames": asked.frames,
            "views": 1,
            "classes": len(asked.classes),
            "descriptors": asked.classes.count,
            "videos": {title: len(listed) for title, listed in splits.items()},
        },
    }


@torch.inference_mode()
def encoded_files(
    recogniser: Recogniser, listed: Sequence[tuple[Path, int]], frames: int, say: Callable[[str], None]
) -> Clips:
    """Each video's frames by the authors' rule, middle crop. Raises BadInput for a video that cannot be read."""
    model = recogniser.model
    device = model.logit_scale.device
    prepared = preparation(model.config)
    rows, labels = [], []
    for number, (file, label) in enumerate(listed):
        if number % 100 == 0:
            say(f"video {number + 1} of {len(listed)}")
        video = open_video(file)
        pictures = video.read(evaluation_indices(len(video), frames))
        ready = np.stack([cropped(picture, prepared) for picture in pictures])
        rows.append(unit(model.encode_image(normalised(ready).to(device)).float()).cpu().numpy())
        labels.append(label)
    return Clips(np.stack(rows), np.array(labels, np.int64), "")
