"""What one open page of the video room is working on: the clip, the class list, the last answers, its running job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.panels.ost_history import History
from app.room import Turns

if TYPE_CHECKING:
    from models.ost.conse import ConseAnswer
    from models.ost.export import Annotation
    from models.ost.frames import VideoSource
    from models.ost.pipeline import Recognition
    from models.ost.timeline import Timeline


@dataclass(frozen=True)
class Weights:
    """Which network answers: None for the embedded one, else files that have passed the checkpoint door."""

    path: str | None = None
    zero_shot: str | None = None
    ratio: float = 0.0
    name: str = "mini"


@dataclass(frozen=True)
class Asked:
    """What a result was made from: digests of clip and classes, values of the controls, weights, window in seconds."""

    clip: str
    classes: str
    values: tuple[Any, ...]
    weights: str
    ratio: float
    window: float | None = None


@dataclass(eq=False)
class Session(Turns):
    """All of it. Answers are kept with what they were made from, so that downloads fit what is on screen."""

    user: str
    source: VideoSource | None = None
    title: str = ""
    stage: tuple[str, ...] = ()
    """Paths and file names under which the page shows the clip."""
    weights: Weights = field(default_factory=Weights)
    answer: Recognition | None = None
    asked: Asked | None = None
    shown: str = ""
    """The class whose map is on the page."""
    thumbs: tuple[str, ...] = ()
    """Data addresses of the first view's frames, in order."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    line: Timeline | None = None
    line_asked: Asked | None = None
    line_thumbs: tuple[tuple[float, str], ...] = ()
    """(second, data address) of frames along the clip."""
    labels: list[Annotation] = field(default_factory=list)
    nouns: ConseAnswer | None = None
    tables: History = field(default_factory=History)

    def take(self, source: VideoSource, title: str, stage: tuple[str, ...]) -> None:
        """Go on with another clip; answers about the old one go, what was asked is kept for comparison."""
        with self.lock:
            self.source, self.title, self.stage = source, title, stage
            self.answer, self.thumbs, self.line, self.labels, self.nouns = None, (), None, [], None
            self.line_asked, self.line_thumbs, self.shown = None, (), ""
            self.receipt = {}
