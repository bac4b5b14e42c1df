"""Descriptors to features: the authors' templates, and a store that encodes each sentence once for each model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.ost.descriptors import ClassList
from models.ost.network import unit
from models.parts.bpe import BytePairs
from models.parts.clip import ClipLike
from models.parts.clip_tokens import tokenise

SPATIAL_TEMPLATE = "This is a video about {descriptor}"
TEMPORAL_TEMPLATE = "A video of {name} usually includes {descriptor}"
NAME_TEMPLATE = "a video of a person {name}."
MOST_TEXTS = 20_000
_AT_ONCE = 64
_Progress = Callable[[float], None]


def spatial_sentence(descriptor: str) -> str:
    """The class is not named."""
    return SPATIAL_TEMPLATE.replace("{descriptor}", descriptor)


def temporal_sentence(name: str, descriptor: str) -> str:
    """The class is named."""
    before, between = TEMPORAL_TEMPLATE.removesuffix("{descriptor}").split("{name}")
    return f"{before}{name}{between}{descriptor}"


def name_sentence(name: str) -> str:
    """The baseline, which knows the name alone."""
    return NAME_TEMPLATE.replace("{name}", name)


@dataclass(frozen=True)
class Sentences:
    """All sentences of a class list, class by class: A*N spatial, A*N temporal, A names in the template, A bare."""

    spatial: tuple[str, ...]
    temporal: tuple[str, ...]
    named: tuple[str, ...]
    bare: tuple[str, ...]

    @classmethod
    def of(cls, classes: ClassList) -> Sentences:
        """The sentences of ``classes``."""
        items = classes.classes
        return cls(
            tuple(spatial_sentence(text) for item in items for text in item.spatial),
            tuple(temporal_sentence(item.name, text) for item in items for text in item.temporal),
            tuple(name_sentence(item.name) for item in items),
            tuple(item.name for item in items),
        )


@dataclass(frozen=True)
class TextBank:
    """Features of unit norm, float64. spatial, temporal: (A, N, D). named, bare: (A, D).

    ``truncated``: sentences that were longer than the model's context. ``fresh``: how many were encoded for this call.
    """

    spatial: np.ndarray
    temporal: np.ndarray
    named: np.ndarray
    bare: np.ndarray
    truncated: tuple[str, ...]
    fresh: int


class TextStore:
    """Features of the sentences seen so far under one model; the oldest are dropped beyond MOST_TEXTS. Thread-safe."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[np.ndarray, bool]] = OrderedDict()
        self._lock = threading.Lock()

    def features(
        self, model: ClipLike, tokeniser: BytePairs, texts: Sequence[str], progress: _Progress = lambda share: None
    ) -> tuple[np.ndarray, tuple[str, ...], int]:
        """texts -> (float64 (len, D) of unit norm, those truncated, how many were new)."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        found |= _encoded(model, tokeniser, new, progress)
        with self._lock:
            for text in dict.fromkeys(texts):
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while len(self._known) > MOST_TEXTS:
                self._known.popitem(last=False)
        rows = np.stack([found[text][0] for text in texts])
        return rows, tuple(text for text in dict.fromkeys(texts) if found[text][1]), len(new)

    def bank(
        self,
        model: ClipLike,
        tokeniser: BytePairs,
        classes: ClassList,
        progress: _Progress = lambda share: None,
    ) -> TextBank:
        """The features of a checked class list."""
        sentences = Sentences.of(classes)
        groups = (sentences.spatial, sentences.temporal, sentences.named, sentences.bare)
        rows, truncated, fresh = self.features(model, tokeniser, [text for group in groups for text in group], progress)
        spatial, temporal, named, bare = np.split(rows, np.cumsum([len(group) for group in groups])[:-1])
        shape = (len(classes), classes.count, -1)
        return TextBank(spatial.reshape(shape), temporal.reshape(shape), named, bare, truncated, fresh)


@torch.inference_mode()
def _encoded(
    model: ClipLike, tokeniser: BytePairs, texts: Sequence[str], progress: _Progress
) -> dict[str, tuple[np.ndarray, bool]]:
    """Short texts first: a batch costs as much as its longest member."""
    tokens = tokenise(texts, tokeniser, model.config.context)
    order = np.argsort(tokens.lengths, kind="stable")
    device = model.logit_scale.device
    found: dict[str, tuple[np.ndarray, bool]] = {}
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]

        def told(share: float, start: int = start, count: int = len(rows)) -> None:
            progress((start + share * count) / len(order))

        features = model.encode_text(torch.from_numpy(tokens.ids[rows]).to(device), told).double()
        for row, feature in zip(rows, unit(features).cpu().numpy(), strict=True):
            found[texts[row]] = (feature, bool(tokens.truncated[row]))
    return found
