"""Clips to answers: every clip is encoded once and then asked under every way of scoring and every class list."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.ost.descriptors import ClassList
from models.ost.frames import normalised
from models.ost.network import HeadConfig, head, name_logits, pooled, unit
from models.ost.text_bank import TextBank, TextStore
from models.ost.weights import Recogniser
from models.parts.clip import ClipLike
from models.worlds.figures import Style, act
from models.worlds.figures_actions import Action

Floats = NDArray[np.float64]
DEFAULT = HeadConfig()
_AT_ONCE = 96
_VIDEOS_AT_ONCE = 32


@dataclass(frozen=True)
class Clips:
    """Encoded clips. features: float32 (M, T, D) of unit norm; labels: (M,) numbers of their actions."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    digest: str


def rendered(
    actions: Sequence[Action], each: int, frames: int, style: Style, seed: int, heavy: float = 0.0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """``each`` clips of every action: (M, frames, 96, 96, 3) and (M,). heavy: chance of a skinned body."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(len(actions)), each)
    clips = [
        act(rng, actions[number].moments, replace(style, heavy=bool(rng.random() < heavy))).frames(frames)[0]
        for number in labels
    ]
    return np.stack(clips), labels


@torch.inference_mode()
def encoded(model: ClipLike, clips: NDArray[np.uint8], labels: NDArray[np.int64]) -> Clips:
    """clips: (M, T, S, S, 3) at the model's size."""
    flat = clips.reshape(-1, *clips.shape[2:])
    rows = [
        unit(model.encode_image(normalised(flat[start : start + _AT_ONCE])).float())
        for start in range(0, len(flat), _AT_ONCE)
    ]
    features = torch.cat(rows).view(*clips.shape[:2], -1).numpy()
    return Clips(features, labels, hashlib.sha256(np.ascontiguousarray(clips).data).hexdigest()[:16])


def bank_of(recogniser: Recogniser, classes: ClassList) -> TextBank:
    """The features of a class list."""
    return TextStore().bank(recogniser.model, recogniser.tokeniser, classes.checked())


@torch.inference_mode()
def logits(clips: Clips, bank: TextBank, scale: float, config: HeadConfig = DEFAULT) -> dict[str, Floats]:
    """(M, A) for each way of scoring: name, bare_name, mean_pooled, ot, ost."""
    spatial, temporal, named, bare = (
        torch.from_numpy(part) for part in (bank.spatial, bank.temporal, bank.named, bank.bare)
    )
    found: dict[str, list[Tensor]] = {}
    for start in range(0, len(clips.features), _VIDEOS_AT_ONCE):
        frames = torch.from_numpy(clips.features[start : start + _VIDEOS_AT_ONCE]).double()
        scores = head(frames, spatial, temporal, scale, config)
        ways = {
            "name": name_logits(frames, named, scale),
            "bare_name": name_logits(frames, bare, scale),
            "mean_pooled": 0.5 * (scores.pool_spatial + scores.pool_temporal),
            "ot": 0.5 * (scores.ot_spatial + scores.ot_temporal),
            "ot_spatial": scores.ot_spatial,
            "ot_temporal": scores.ot_temporal,
            "ost": scores.logits,
        }
        for name, value in ways.items():
            found.setdefault(name, []).append(value)
    return {name: torch.cat(values).numpy() for name, values in found.items()}


def right(scores: Floats, labels: NDArray[np.int64]) -> Floats:
    """(M,): 1 where the best class is the true one. Equal scores share: 1 / how many are best, if the true one is."""
    best = scores >= scores.max(axis=1, keepdims=True) - 1e-9
    hit: Floats = best[np.arange(len(labels)), labels] / best.sum(axis=1)
    return hit


def confusion(scores: Floats, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(A, A): rows true, columns answered."""
    table = np.zeros((scores.shape[1], scores.shape[1]), np.int64)
    np.add.at(table, (labels, scores.argmax(axis=1)), 1)
    return table


def adapted(
    support: Clips, bank: TextBank, scale: float, steps: int = 60, rate: float = 0.01, seed: int = 0
) -> TextBank:
    """The bank after few-shot learning: its descriptor features move so that OST's scores fit the support clips.

    The towers stay as they are, unlike in the paper, which fine-tunes both: that costs hours here.
    """
    torch.manual_seed(seed)
    parts = [torch.from_numpy(part).float() for part in (bank.spatial, bank.temporal)]
    moves = [torch.zeros_like(part, requires_grad=True) for part in parts]
    optimiser = torch.optim.Adam(moves, rate)
    frames, labels = torch.from_numpy(support.features), torch.from_numpy(support.labels)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        chosen = torch.randperm(len(frames), generator=generator)[:96]
        spatial, temporal = (unit(part + move) for part, move in zip(parts, moves, strict=True))
        scores = head(frames[chosen], spatial, temporal, scale).logits
        loss = F.cross_entropy(scores, labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        spatial, temporal = (unit(part + move).double().numpy() for part, move in zip(parts, moves, strict=True))
    return replace(bank, spatial=spatial, temporal=temporal)


def by_prototype(support: Clips, asked: Clips) -> Floats:
    """(M, A) cosines of mean frames with each class's mean of support clips: few-shot learning without any text."""
    classes = int(support.labels.max()) + 1
    means = [support.features[support.labels == number].mean(axis=(0, 1)) for number in range(classes)]
    prototypes = unit(torch.from_numpy(np.stack(means))).unsqueeze(1)
    scores: Floats = pooled(torch.from_numpy(asked.features), prototypes).numpy().astype(np.float64)
    return scores
