"""What the panel, the command line and the API call: recognise the action in a video among classes that a person wrote.

    job = recognise_job("me", VideoSource(open_video("walk.mp4")), classes)
    answer = runtime.submit(job).result()            # Recognition
    answer.top("ost", 5)                             # ((class, share), ...)

Frames are encoded once a video, sentences once a model; a second question with other classes costs their texts alone.
The score ignores the order of the frames, as the method does.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from models.ost import METHOD
from models.ost.descriptors import ClassList
from models.ost.features import FrameStore, frame_store
from models.ost.frames import Source, preparation, views
from models.ost.network import HeadConfig, HeadScores, head, name_logits
from models.ost.text_bank import MOST_TEXTS, TextBank, TextStore
from models.ost.weights import Recogniser, model_resource, weights_digest, weights_file
from models.parts.problems import BadInput
from models.parts.video_sampling import evaluation_indices
from models.runtime import Job, JobContext, Loaded, ResourceSpec

Floats = npt.NDArray[np.float64]
Scoring = Literal["ost", "mean_pooled", "name", "bare_name"]
SCORINGS: tuple[Scoring, ...] = ("ost", "mean_pooled", "name", "bare_name")
MOST_FRAMES = 128


@dataclass(frozen=True)
class Options:
    """How a video is read and scored; the defaults are the authors' formula at 16 frames."""

    frames: int = 16
    """T, frames of a clip."""
    views: int = 1
    """1; 3: three crops; 12: four clips of three crops each. Their shares are added up."""
    head: HeadConfig = field(default_factory=HeadConfig)
    statistics: Literal["imagenet", "clip"] = "imagenet"
    """Pixel statistics: the authors use ImageNet's with CLIP's network."""
    shuffle_seed: int | None = None
    """Also score the frames in a random order and report the largest difference."""

    def checked(self) -> Options:
        """Itself; raises BadInput for values that cannot be used."""
        if not 1 <= self.frames <= MOST_FRAMES:
            raise BadInput("The number of frames", f"is {self.frames}", f"Give 1 to {MOST_FRAMES}")
        views(self.views)
        self.head.solver.checked()
        if not (self.head.transport or self.head.pool):
            raise BadInput("The score", "has no part left", "Switch transport or pooling on")
        return self


DEFAULT_OPTIONS = Options()


@dataclass(frozen=True)
class Scores:
    """One way to score A classes. ``logits``: (A,), mean over the views. ``shares``: (A,), mean over the views of the
    softmax of the logits. A share ranks the classes; it is no probability."""

    logits: Floats
    shares: Floats


@dataclass(frozen=True)
class Matching:
    """Frames against the descriptors of one kind, in the first view. ``plan``: (A, T, N), sums to 1 for each class;
    multiplied by T*N a uniform plan is 1. ``similarity``: (A, T, N) cosines. ``iterations``: updates of the solver."""

    plan: Floats
    similarity: Floats
    iterations: int

    @property
    def weight(self) -> Floats:
        """(A, T, N): plan * T * N, how many times more than evenly a frame was matched to a descriptor."""
        return self.plan * self.plan.shape[1] * self.plan.shape[2]

    @property
    def gain(self) -> Floats:
        """(A, T, N): plan * similarity, what each pair adds to the transport score before the scale."""
        return self.plan * self.similarity


@dataclass(frozen=True)
class Recognition:
    """The answer for one video. All arrays follow the order of ``classes``.

    ``indices``, ``seconds``: (T,) of the first view's frames. ``parts``: the logits' parts "ot_spatial", "ot_temporal",
    "pool_spatial", "pool_temporal", (A,) each, already weighted: what is switched on adds up to the OST logits.
    ``truncated``: sentences whose end the model did not read. ``best_cosine``: mean over the frames of the best cosine
    with any descriptor; ``familiar``: False when the clip is unlike what the model was trained on, None when unknown.
    ``shuffle_difference``: largest change of a logit when the frames are shuffled. ``milliseconds``: "frames", "texts",
    "scores". ``fresh_frames``, ``fresh_texts``: how many had to be encoded.
    """

    classes: ClassList
    indices: npt.NDArray[np.int64]
    seconds: Floats
    scores: dict[Scoring, Scores]
    parts: dict[str, Floats]
    spatial: Matching
    temporal: Matching
    truncated: tuple[str, ...]
    best_cosine: float
    familiar: bool | None
    shuffle_difference: float | None
    milliseconds: dict[str, float]
    fresh_frames: int
    fresh_texts: int
    options: Options

    def top(self, scoring: Scoring = "ost", count: int = 5) -> tuple[tuple[str, float], ...]:
        """The best classes with their shares, best first; equal shares keep the order of the table."""
        shares = self.scores[scoring].shares
        order = np.argsort(-shares, kind="stable")[:count]
        return tuple((self.classes.names[place], float(shares[place])) for place in order)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: every class with its scores, parts and plans."""
        rows = []
        for place, item in enumerate(self.classes.classes):
            row: dict[str, Any] = {"name": item.name, "spatial": list(item.spatial), "temporal": list(item.temporal)}
            row["scores"] = {
                scoring: {"logit": float(found.logits[place]), "share": float(found.shares[place])}
                for scoring, found in self.scores.items()
            }
            row["parts"] = {name: float(values[place]) for name, values in self.parts.items()}
            for kind, matching in (("spatial", self.spatial), ("temporal", self.temporal)):
                row[f"plan_{kind}"] = matching.plan[place].tolist()
                row[f"similarity_{kind}"] = matching.similarity[place].tolist()
            rows.append(row)
        return {
            "frames": self.indices.tolist(),
            "seconds": self.seconds.tolist(),
            "options": asdict(self.options),
            "classes": rows,
            "truncated": list(self.truncated),
            "best_cosine": self.best_cosine,
            "familiar": self.familiar,
            "shuffle_difference": self.shuffle_difference,
            "milliseconds": self.milliseconds,
        }


def text_store(model_key: str) -> ResourceSpec:
    """The sentences of one model, as something the shared cache can hold."""
    size = MOST_TEXTS * 512
    return ResourceSpec(
        f"{model_key}/texts", lambda device: Loaded(TextStore(), size), size, pool="host", label="descriptor features"
    )


def text_bank(context: JobContext, recogniser: Recogniser, classes: ClassList, model_key: str = "") -> TextBank:
    """The features of a checked class list from the shared store. Ticks while texts are encoded."""
    with context.resource(text_store(model_key)) as store:
        bank: TextBank = store.bank(
            recogniser.model,
            recogniser.tokeniser,
            classes,
            lambda share: context.tick(0.9 * share, "reading the descriptors"),
        )
        return bank


def scored(frames: np.ndarray, bank: TextBank, scale: float, config: HeadConfig) -> tuple[HeadScores, torch.Tensor]:
    """frames (B, T, D) of unit norm -> the head's scores and (3, B, A): mean-pooled, name and bare-name logits.

    In float64, so that a small epsilon underflows late. Raises NoPlan.
    """
    given = torch.from_numpy(np.asarray(frames, np.float64))
    spatial, temporal, named, bare = (
        torch.from_numpy(part) for part in (bank.spatial, bank.temporal, bank.named, bank.bare)
    )
    found = head(given, spatial, temporal, scale, config)
    mean_pooled = config.spatial * found.pool_spatial + config.temporal * found.pool_temporal
    return found, torch.stack([mean_pooled, name_logits(given, named, scale), name_logits(given, bare, scale)])


@torch.inference_mode()
def recognise(
    context: JobContext,
    recogniser: Recogniser,
    *,
    source: Source,
    classes: ClassList,
    options: Options = DEFAULT_OPTIONS,
    model_key: str = "",
) -> Recognition:
    """The action in a video, by OST and beside it by mean-pooled descriptors and by the class names alone.

    Raises BadInput for a class list that cannot be scored and for a video that cannot be read, NoPlan for an epsilon
    too small.
    """
    checked, asked = classes.checked(), options.checked()
    prepared = preparation(recogniser.model.config, asked.statistics)
    start = time.perf_counter()
    plan = [
        (evaluation_indices(len(source.seconds), asked.frames, clip, clips), crop)
        for clip, clips, crop in views(asked.views)
    ]
    features, fresh = [], 0
    with context.resource(frame_store(model_key, source, prepared)) as store:
        assert isinstance(store, FrameStore)
        for place, (indices, crop) in enumerate(plan):

            def said(share: float, place: int = place) -> None:
                context.tick(0.7 * (place + share) / len(plan), "reading the frames")

            rows, new = store.features(recogniser.model, source, indices, prepared, crop, said)
            features.append(rows)
            fresh += new
    after_frames = time.perf_counter()
    bank = text_bank(context, recogniser, checked, model_key)
    after_texts = time.perf_counter()
    context.tick(0.95, "matching frames and descriptors")
    scale = float(recogniser.model.scale)
    frames = np.stack(features)
    found, others = scored(frames, bank, scale, asked.head)
    difference = _shuffled(frames, bank, scale, asked, found) if asked.shuffle_seed is not None else None
    spatial, temporal = (
        Matching(part.plan[0].numpy(), part.similarity[0].numpy(), int(part.iterations[0]))
        for part in (found.spatial, found.temporal)
    )
    best = float(np.maximum(*(kind.similarity.max(axis=(0, 2)) for kind in (spatial, temporal))).mean())
    least = recogniser.least_cosine
    indices = plan[0][0]
    end = time.perf_counter()
    return Recognition(
        classes=checked,
        indices=indices,
        seconds=source.seconds[indices],
        scores={
            scoring: Scores(logits.mean(dim=0).numpy(), torch.softmax(logits, dim=-1).mean(dim=0).numpy())
            for scoring, logits in zip(SCORINGS, (found.logits, *others), strict=True)
        },
        parts=_parts(found, asked.head),
        spatial=spatial,
        temporal=temporal,
        truncated=bank.truncated,
        best_cosine=best,
        familiar=None if least is None else best >= least,
        shuffle_difference=difference,
        milliseconds={
            "frames": 1000 * (after_frames - start),
            "texts": 1000 * (after_texts - after_frames),
            "scores": 1000 * (end - after_texts),
        },
        fresh_frames=fresh,
        fresh_texts=bank.fresh,
        options=asked,
    )


def _parts(found: HeadScores, config: HeadConfig) -> dict[str, Floats]:
    weighted = {
        "ot_spatial": config.spatial * config.transport * found.ot_spatial,
        "ot_temporal": config.temporal * config.transport * found.ot_temporal,
        "pool_spatial": config.spatial * config.pool * found.pool_spatial,
        "pool_temporal": config.temporal * config.pool * found.pool_temporal,
    }
    return {name: values.mean(dim=0).numpy() for name, values in weighted.items()}


def _shuffled(frames: np.ndarray, bank: TextBank, scale: float, options: Options, found: HeadScores) -> float:
    order = np.random.default_rng(options.shuffle_seed).permutation(frames.shape[1])
    again, _ = scored(frames[:, order], bank, scale, options.head)
    return float((again.logits - found.logits).abs().max())


def recognise_job(
    user: str,
    source: Source,
    classes: ClassList,
    options: Options = DEFAULT_OPTIONS,
    path: str | None = None,
    zero_shot: str | None = None,
    ratio: float = 0.0,
) -> Job:
    """``recognise`` as a job for the runtime. Raises BadInput and WrongCheckpoint before anything is queued.

    path, zero_shot, ratio: as in ``model_resource``.
    """
    checked, asked = classes.checked(), options.checked()
    model = model_resource(path, zero_shot, ratio)
    return Job(
        user=user,
        method=METHOD.slug,
        checkpoint="mini" if path is None else Path(path).name,
        call=recognise,
        arguments={"source": source, "classes": checked, "options": asked, "model_key": model.key},
        model=model,
        shape_bucket=f"{asked.frames}x{asked.views}",
        label="Recognise",
        inputs_digest=f"{source.digest}-{checked.digest}",
        weights_digest=weights_digest(weights_file(path)),
        seed=asked.shuffle_seed,
        peak_bytes={"device": 400_000_000},
    )
