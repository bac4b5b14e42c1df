"""What one open page of the video room is working on: the clip, the class list, the last answers, its running job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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


@dataclass(eq=False)
class Session(Turns):
    """All of it. Answers are kept with what they were made from, so that downloads fit what is on screen."""

    user: str
    source: VideoSource | None = None
    title: str = ""
    weights: Weights = field(default_factory=Weights)
    answer: Recognition | None = None
    thumbs: tuple[str, ...] = ()
    """Data addresses of the first view's frames, in order."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    line: Timeline | None = None
    labels: list[Annotation] = field(default_factory=list)
    nouns: ConseAnswer | None = None

    def take(self, source: VideoSource, title: str) -> None:
        """Go on with another clip; answers about the old one go."""
        with self.lock:
            self.source, self.title = source, title
            self.answer, self.thumbs, self.line, self.labels, self.nouns = None, (), None, [], None
            self.receipt = {}
