"""Packs of rendered figures under runs/ost (not in git): single frames with captions to be, and clips of actions.

    python -m models.ost.data --frames 90000                    # everything the training of ost-mini reads

A pack of frames: frames.npy uint8 (N, side, side, 3), rows.npy int16 (N, 10) (figures_truth.COLUMNS), points.npy
float16 (N, 24, 2). A pack of clips: the same with a leading clip dimension, and classes.npy int16 (N,).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.parts.problems import BadInput
from models.worlds.figures import SEEN, VARIED, Clip, Moment, Style, act
from models.worlds.figures_actions import HELD_OUT_ACTIONS, SEEN_ACTIONS, STEPS, Action
from models.worlds.figures_postures import HANDS_BUSY, NAMES
from models.worlds.figures_things import FURNITURE, ITEMS
from models.worlds.figures_truth import frame_row
from models.worlds.figures_words import invented_names

FOLDER = Path(__file__).resolve().parents[2] / "runs" / "ost"
SIDE = 96
HEAVY_SHARE = 0.12
"""Share of clips drawn with skinned bodies: they cost five times as much as capsules."""
_PER_CLIP = 6
_ACTION_SHARE = 0.25
Rng = np.random.Generator


@dataclass(frozen=True)
class Pack:
    """An opened pack; the frames stay on the disk until they are read. classes is None for single frames."""

    frames: NDArray[np.uint8]
    rows: NDArray[np.int16]
    points: NDArray[np.float16]
    classes: NDArray[np.int16] | None

    def __len__(self) -> int:
        return len(self.frames)


def random_moment(rng: Rng) -> Moment:
    """Any posture, often with a thing, sometimes beside furniture: all combinations that a body can take."""
    posture = NAMES[int(rng.integers(len(NAMES)))]
    furniture = FURNITURE[int(rng.integers(len(FURNITURE)))] if rng.random() < 0.15 else None
    if posture == "climbing" and rng.random() < 0.7:
        furniture = "ladder"
    if posture == "riding" or rng.random() < 0.4:
        return Moment(posture, furniture=None if posture == "riding" else furniture)
    item = tuple(ITEMS)[int(rng.integers(len(ITEMS)))]
    modes = [mode for mode in ITEMS[item] if mode != "held" or posture not in HANDS_BUSY]
    if not modes:
        return Moment(posture, furniture=furniture)
    return Moment(posture, item, modes[int(rng.integers(len(modes)))], None if rng.random() < 0.7 else furniture)


def random_clip(rng: Rng, style: Style = SEEN) -> Clip:
    """Three moments of any kind, or a seen action."""
    if rng.random() < HEAVY_SHARE:
        style = replace(style, heavy=True)
    if rng.random() < _ACTION_SHARE:
        return act(rng, SEEN_ACTIONS[int(rng.integers(len(SEEN_ACTIONS)))].moments, style)
    return act(rng, [random_moment(rng) for _ in range(3)], style, idle=0.0)


def random_actions(count: int = 376, seed: int = 2100) -> tuple[Action, ...]:
    """Actions that nobody named: four postures around one thing or none, under invented names; no held-out action.

    The paper's stage 2 sees 400 classes. With the 24 named ones alone a model learns their names instead of reading
    descriptors.
    """
    rng = np.random.default_rng(seed)
    taken = {frozenset(action.moments) for action in HELD_OUT_ACTIONS}
    found: list[Action] = []
    while len(found) < count:
        item = tuple(ITEMS)[int(rng.integers(len(ITEMS)))] if rng.random() < 0.7 else None
        furniture = FURNITURE[int(rng.integers(len(FURNITURE)))] if item is None and rng.random() < 0.3 else None
        moments = []
        for number in rng.permutation(len(NAMES))[:STEPS]:
            posture = NAMES[int(number)]
            beside = furniture if posture != "riding" and rng.random() < 0.7 else None
            modes = [mode for mode in ITEMS[item] if mode != "held" or posture not in HANDS_BUSY] if item else []
            if modes and posture != "riding" and rng.random() < 0.85:
                moments.append(Moment(posture, item, modes[int(rng.integers(len(modes)))], beside))
            else:
                moments.append(Moment(posture, furniture=beside))
        if frozenset(moments) not in taken:
            taken.add(frozenset(moments))
            found.append(Action(invented_names(rng, 1)[0], tuple(moments)))
    return tuple(found)


def pack_frames(folder: Path, count: int, seed: int, style: Style = SEEN) -> Pack:
    """Render ``count`` frames (a multiple of 6 is used) into ``folder``; the seed decides everything."""
    rng = np.random.default_rng(seed)
    total = count // _PER_CLIP * _PER_CLIP
    frames, rows, points = _begin(folder, (total,))
    for start in range(0, total, _PER_CLIP):
        clip = random_clip(rng, style)
        pictures, labels = clip.at(rng.uniform(0, clip.seconds, _PER_CLIP).tolist(), SIDE)
        frames[start : start + _PER_CLIP] = pictures
        rows[start : start + _PER_CLIP] = [frame_row(label) for label in labels]
        points[start : start + _PER_CLIP] = [label.points for label in labels]
    return _end(folder, frames, rows, points, None)


def pack_clips(
    folder: Path,
    actions: Sequence[Action],
    each: int,
    length: int,
    seed: int,
    style: Style = SEEN,
    heavy: float = HEAVY_SHARE,
) -> Pack:
    """``each`` clips of every action, ``length`` frames long; classes are numbers in ``actions``."""
    rng = np.random.default_rng(seed)
    classes = np.tile(np.arange(len(actions), dtype=np.int16), each)
    frames, rows, points = _begin(folder, (len(classes), length))
    for place, number in enumerate(classes):
        drawn = replace(style, heavy=bool(rng.random() < heavy))
        pictures, labels = act(rng, actions[number].moments, drawn).frames(length, SIDE)
        frames[place], rows[place] = pictures, [frame_row(label) for label in labels]
        points[place] = [label.points for label in labels]
    return _end(folder, frames, rows, points, classes)


def _begin(folder: Path, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.float16]]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows.npy").unlink(missing_ok=True)
    frames = np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, (*shape, SIDE, SIDE, 3))
    return frames, np.zeros((*shape, 10), np.int16), np.zeros((*shape, 24, 2), np.float16)


def _end(
    folder: Path,
    frames: NDArray[np.uint8],
    rows: NDArray[np.int16],
    points: NDArray[np.float16],
    classes: NDArray[np.int16] | None,
) -> Pack:
    if isinstance(frames, np.memmap):
        frames.flush()
    np.save(folder / "points.npy", points)
    if classes is not None:
        np.save(folder / "classes.npy", classes)
    np.save(folder / "rows.npy", rows)  # last: a pack without it is unfinished
    return Pack(frames, rows, points, classes)


def open_pack(folder: Path) -> Pack:
    """A finished pack. Raises BadInput where it is missing or unfinished."""
    try:
        frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
        rows = np.load(folder / "rows.npy", allow_pickle=False)
        points = np.load(folder / "points.npy", allow_pickle=False)
        file = folder / "classes.npy"
        return Pack(frames, rows, points, np.load(file, allow_pickle=False) if file.exists() else None)
    except (OSError, ValueError) as problem:
        raise BadInput(
            f"The pack {folder.name}", "is missing or was not finished", "Make it: python -m models.ost.data"
        ) from problem


def open_or_none(folder: Path) -> Pack | None:
    """A finished pack, or None where there is none."""
    return open_pack(folder) if (folder / "rows.npy").exists() else None


def joined(
    packs: Sequence[Pack], rng: Rng, size: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.float32]]]:
    """Batches without end of ``size`` random frames, every pack equally often: pictures, rows, points."""
    while True:
        of = rng.integers(len(packs), size=size)
        places = [(packs[number], int(rng.integers(len(packs[number])))) for number in of]
        pictures = np.stack([pack.frames[place] for pack, place in places])
        rows = np.stack([pack.rows[place] for pack, place in places])
        points = np.stack([pack.points[place] for pack, place in places])
        yield pictures, rows, points.astype(np.float32)


def main(words: Sequence[str] | None = None) -> None:
    """Render what is missing of the training packs."""
    parser = argparse.ArgumentParser(prog="python -m models.ost.data", allow_abbrev=False)
    parser.add_argument(
        "--frames", type=int, default=90_000, help="frames in packs of 30,000; 36,000 varied ones come on top"
    )
    parser.add_argument("--clips", type=int, default=80, help="clips of each seen action")
    parser.add_argument("--random-clips", type=int, default=5, help="clips of each random action")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args(words)
    plain = -(-asked.frames // 30_000)
    for number in range(plain + 3):
        folder = asked.folder / f"frames{number}"
        if open_or_none(folder) is None:
            count, style = (30_000, SEEN) if number < plain else (12_000, VARIED)
            pack_frames(folder, min(count, asked.frames), 1000 + number, style)
            print(f"{folder.name} done", flush=True)
    if open_or_none(asked.folder / "clips") is None:
        pack_clips(asked.folder / "clips", SEEN_ACTIONS, asked.clips, 12, 2000)
        print("clips done", flush=True)
    if open_or_none(asked.folder / "clips_random") is None:
        pack_clips(asked.folder / "clips_random", random_actions(), asked.random_clips, 12, 2001, VARIED)
        print("clips_random done", flush=True)


if __name__ == "__main__":
    main()
