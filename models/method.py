"""What a method is, as data: the registry lists it, the app shows it, no heavy import is needed to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True)
class Checkpoint:
    """One set of weights a method can run with.

    ``source`` says where it comes from: ``embedded`` ships in ``assets/weights/<slug>``, ``hub`` is downloaded when the
    user asks, ``file`` is a path the user gives. ``file`` is the file's name within that source.
    """

    name: str
    source: Literal["embedded", "hub", "file"]
    licence: str
    note: str
    file: str | None = None
    repository: str | None = None
    revision: str | None = None


@dataclass(frozen=True)
class Method:
    """A room of the house: one published method with its weights, claims and panel.

    ``parity`` is the badge's text (how far our modules are from the authors' numbers, or "re-implementation");
    ``honest_line`` is the one sentence shown while the small embedded weights are active; ``panel`` is the dotted name
    of the module that builds its tab; ``cost_hints`` maps a step to (low, high) seconds on two CPU cores, used until
    measured; ``offers`` names what other methods may be handed, as "module:function" (see registry.offered).
    """

    slug: str
    title: str
    sentence: str
    paper_title: str
    paper_url: str
    licence: str
    checkpoints: tuple[Checkpoint, ...]
    parity: str
    honest_line: str
    panel: str
    accepts: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    cost_hints: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    offers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [checkpoint.name for checkpoint in self.checkpoints]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.slug} names two checkpoints alike: {', '.join(names)}")

    @property
    def weights_folder(self) -> Path:
        """Where the embedded weights and their report card lie."""
        return ASSETS / "weights" / self.slug

    @property
    def card(self) -> Path:
        """The report card of the embedded weights."""
        return self.weights_folder / "CARD.md"

    def checkpoint(self, name: str) -> Checkpoint:
        """The checkpoint called ``name``; raises ``KeyError`` naming those that exist."""
        for checkpoint in self.checkpoints:
            if checkpoint.name == name:
                return checkpoint
        known = ", ".join(checkpoint.name for checkpoint in self.checkpoints)
        raise KeyError(f"{self.slug} has no checkpoint {name!r}; it has: {known}")
