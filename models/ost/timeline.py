"""What happens when: a window slides over the video, and neighbours of one answer become a segment with in and out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from models.ost import METHOD
from models.ost.descriptors import ClassList
from models.ost.features import FrameStore, frame_store
from models.ost.frames import Source, preparation
from models.ost.pipeline import DEFAULT_OPTIONS, SCORINGS, Floats, Options, Scoring, scored, text_bank
from models.ost.weights import Recogniser, model_resource, weights_digest, weights_file
from models.parts.problems import BadInput
from models.runtime import Job, JobContext

STEPS_A_WINDOW = 4
"""The window moves by a quarter of itself."""
MOST_WINDOWS = 4000
_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Segment:
    """A stretch with one answer. start, end: seconds. share: mean share of the answer in it."""

    name: str
    start: float
    end: float
    share: float


@dataclass(frozen=True)
class Timeline:
    """Scores along a video.

    ``starts``, ``ends``: (W,) seconds of the windows. ``shares``: scoring -> (W, A). ``borders``: (S + 1,) seconds
    between stretches of a quarter window; ``slot_shares``: scoring -> (S, A), the mean over the windows that cover a
    stretch. ``fresh_frames``: how many had to be encoded.
    """

    classes: ClassList
    duration: float
    starts: Floats
    ends: Floats
    shares: dict[Scoring, Floats]
    borders: Floats
    slot_shares: dict[Scoring, Floats]
    fresh_frames: int

    def segments(self, scoring: Scoring = "ost") -> tuple[Segment, ...]:
        """The best class of each stretch, equal neighbours joined; they cover the video without a gap."""
        shares = self.slot_shares[scoring]
        best = shares.argmax(axis=1)
        changes = [0, *(np.flatnonzero(np.diff(best)) + 1).tolist(), len(best)]
        return tuple(
            Segment(
                self.classes.names[best[start]],
                float(self.borders[start]),
                float(self.borders[end]),
                float(shares[start:end, best[start]].mean()),
            )
            for start, end in pairwise(changes)
        )

    def leading(self, scoring: Scoring = "ost", count: int = 5) -> tuple[str, ...]:
        """The classes with the highest share anywhere, best first: those worth a curve."""
        order = np.argsort(-self.shares[scoring].max(axis=0), kind="stable")[:count]
        return tuple(self.classes.names[place] for place in order)


def windows(duration: float, window: float) -> tuple[Floats, Floats]:
    """Starts and ends in seconds, a quarter of the window apart; the last one ends with the video.

    A video shorter than a window has one window. Raises BadInput for a window that is no length or gives too many.
    """
    if not window > 0 or not math.isfinite(window):
        raise BadInput("The window", f"is {window:g} seconds", "Give a length above 0")
    step = window / STEPS_A_WINDOW
    count = 1 + max(math.ceil((duration - window) / step - 1e-9), 0)
    if count > MOST_WINDOWS:
        raise BadInput(
            "The window", f"of {window:g} seconds gives {count:,} places", f"Make it longer: at most {MOST_WINDOWS:,}"
        )
    starts = np.minimum(np.arange(count) * step, max(duration - window, 0.0))
    return starts, np.minimum(starts + window, duration)


def slots(duration: float, window: float) -> Floats:
    """(S + 1,) borders in seconds of the stretches of a quarter window; the last stretch ends with the video."""
    step = window / STEPS_A_WINDOW
    count = max(math.ceil(duration / step - 1e-9), 1)
    return np.append(np.arange(count) * step, duration)


def window_frames(source: Source, starts: Floats, ends: Floats, frames: int) -> npt.NDArray[np.int64]:
    """(W, T) frame numbers: in the middle of T equal parts of each window.

    Windows a quarter apart share their sampling times when T is a multiple of 4, so frames are encoded once.
    """
    share = (np.arange(frames) + 0.5) / frames
    times = starts[:, None] + (ends - starts)[:, None] * share
    places = np.searchsorted(source.seconds, times + 1e-6, side="right") - 1
    return np.clip(places, 0, len(source.seconds) - 1)


@torch.inference_mode()
def timeline(
    context: JobContext,
    recogniser: Recogniser,
    *,
    source: Source,
    classes: ClassList,
    options: Options = DEFAULT_OPTIONS,
    window: float = 4.0,
    model_key: str = "",
) -> Timeline:
    """Recognition in every window of ``window`` seconds with ``options.frames`` frames each, one centre crop.

    Raises BadInput and NoPlan as ``recognise`` does.
    """
    checked, asked = classes.checked(), options.checked()
    starts, ends = windows(source.duration, window)
    places = window_frames(source, starts, ends, asked.frames)
    prepared = preparation(recogniser.model.config, asked.statistics)
    needed = np.unique(places)
    with context.resource(frame_store(model_key, source, prepared)) as store:
        assert isinstance(store, FrameStore)
        rows, fresh = store.features(
            recogniser.model,
            source,
            needed,
            prepared,
            progress=lambda share: context.tick(0.8 * share, "reading the frames"),
        )
    bank = text_bank(context, recogniser, checked, model_key)
    features = rows[np.searchsorted(needed, places)]
    scale = float(recogniser.model.scale)
    at_once = max(_VALUES_AT_ONCE // (len(checked) * asked.frames * checked.count), 1)
    shares: list[Floats] = []
    for start in range(0, len(features), at_once):
        context.tick(0.8 + 0.2 * start / len(features), "matching frames and descriptors")
        found, others = scored(features[start : start + at_once], bank, scale, asked.head)
        logits = torch.cat([found.logits[None], others])
        shares.append(torch.softmax(logits, dim=-1).numpy())
    table = np.concatenate(shares, axis=1)
    borders = slots(source.duration, window)
    middles = (borders[:-1] + borders[1:]) / 2
    covering = [np.flatnonzero((starts <= middle) & (middle <= ends)) for middle in middles]
    by_slot = np.stack([table[:, found].mean(axis=1) for found in covering], axis=1)
    return Timeline(
        classes=checked,
        duration=source.duration,
        starts=starts,
        ends=ends,
        shares=dict(zip(SCORINGS, table, strict=True)),
        borders=borders,
        slot_shares=dict(zip(SCORINGS, by_slot, strict=True)),
        fresh_frames=fresh,
    )


def timeline_job(
    user: str,
    source: Source,
    classes: ClassList,
    options: Options = DEFAULT_OPTIONS,
    window: float = 4.0,
    path: str | None = None,
    zero_shot: str | None = None,
    ratio: float = 0.0,
) -> Job:
    """``timeline`` as a job for the runtime. Raises BadInput and WrongCheckpoint before anything is queued."""
    checked, asked = classes.checked(), options.checked()
    windows(source.duration, window)
    model = model_resource(path, zero_shot, ratio)
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="mini" if path is None else Path(path).name,
        call=timeline,
        arguments={
            "source": source,
            "classes": checked,
            "options": asked,
            "window": window,
            "model_key": model.key,
        },
        model=model,
        shape_bucket=f"timeline {asked.frames}",
        label="Timeline",
        inputs_digest=f"{source.digest}-{checked.digest}",
        weights_digest=weights_digest(weights_file(path)),
        peak_bytes={"device": 600_000_000},
    )
