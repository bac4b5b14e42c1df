"""Many photos, one after the other: each is one job of the runtime, so others are served in between.

for done in run_batch(runtime, sources, prompts, Settings("me"), Stop()):
    print(done.name, len(done.found), done.error)
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.parts.problems import BadInput
from models.robust_sam.batch_prompts import ObjectPrompt
from models.robust_sam.batch_types import Image, ImageDone, Settings, Source
from models.runtime import Cancelled, JobFailed, Runtime, RuntimeProblem, Ticket

MOST_IMAGES = 5_000
MOST_MASK_PIXELS = 1_000_000_000
"""Objects x pixels of one photo: what its masks take in bytes while they are written."""
AHEAD = 1
"""Photos read and queued while one runs, so that the worker never waits for the disk; they are held in memory."""
_READ_ERRORS = (ValueError, OSError, MemoryError)


class Stop:
    """The user's cancel: the running job stops at its next tick, what is done stays."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: list[Ticket] = []
        self.asked = False

    def now(self) -> None:
        """Stop; a second call does nothing."""
        with self._lock:
            self.asked = True
            tickets = list(self._tickets)
        for ticket in tickets:
            ticket.cancel()

    def watch(self, ticket: Ticket) -> None:
        """`ticket` is to be cancelled too."""
        with self._lock:
            self._tickets = [*self._tickets[-AHEAD:], ticket]
            asked = self.asked
        if asked:
            ticket.cancel()


@dataclass(frozen=True, eq=False)
class _Turn:
    number: int
    source: Source
    image: Image | None = None
    ticket: Ticket | None = None
    error: str = ""


def run_batch(
    runtime: Runtime,
    sources: Sequence[Source],
    prompts: Mapping[str, Sequence[ObjectPrompt]],
    settings: Settings,
    stop: Stop,
) -> Iterator[ImageDone]:
    """Segments every photo, in order; a photo that fails is reported and does not end the run.

    prompts: by source name, unused in everything mode. Ends early after `stop.now()`. Holds at most AHEAD + 1 photos.
    Raises BadInput for no photos or too many.
    """
    if not sources:
        raise BadInput("The batch", "has no photos", "Give image files, a zip of them, or a folder")
    if len(sources) > MOST_IMAGES:
        raise BadInput("The batch", f"has {len(sources):,} photos", f"The limit is {MOST_IMAGES:,}: split it")
    waiting: deque[_Turn] = deque()
    try:
        for number, source in enumerate(sources, start=1):
            if stop.asked:
                return
            waiting.append(_started(runtime, number, source, prompts.get(source.name, ()), settings, stop))
            if len(waiting) > AHEAD:
                done = _finished(waiting.popleft(), stop)
                if done is None:
                    return
                yield done
        while waiting:
            done = _finished(waiting.popleft(), stop)
            if done is None:
                return
            yield done
    finally:
        for turn in waiting:
            if turn.ticket is not None:
                turn.ticket.cancel()


def _started(
    runtime: Runtime, number: int, source: Source, prompts: Sequence[ObjectPrompt], settings: Settings, stop: Stop
) -> _Turn:
    if settings.mode == "prompts" and not prompts:
        return _Turn(number, source, error="The prompts file says nothing about this photo.")
    from models.robust_sam import batch_job

    try:
        image = source.read()
        digest = _digest(image)
        if len(prompts) * image.shape[0] * image.shape[1] > MOST_MASK_PIXELS:
            return _Turn(number, source, error=_too_much(len(prompts), image))
        ticket = runtime.submit(batch_job.image_job(image, digest, prompts, settings))
    except (*_READ_ERRORS, RuntimeProblem) as problem:
        return _Turn(number, source, error=_told(problem))
    stop.watch(ticket)
    return _Turn(number, source, image, ticket)


def _finished(turn: _Turn, stop: Stop) -> ImageDone | None:
    """None when the user has stopped the batch before this photo was done."""
    if turn.ticket is None or turn.image is None:
        return ImageDone(turn.number, turn.source.name, error=turn.error)
    from models.robust_sam import batch_job

    try:
        found = batch_job.found(turn.ticket.result())
    except Cancelled as problem:
        return None if stop.asked else ImageDone(turn.number, turn.source.name, turn.image, error=_told(problem))
    except JobFailed as failure:
        cause = failure.original if isinstance(failure.original, ValueError) else failure
        return ImageDone(turn.number, turn.source.name, turn.image, error=_told(cause))
    except RuntimeProblem as problem:
        return ImageDone(turn.number, turn.source.name, turn.image, error=_told(problem))
    receipt = turn.ticket.receipt
    if len(found) * turn.image.shape[0] * turn.image.shape[1] > MOST_MASK_PIXELS:
        return ImageDone(turn.number, turn.source.name, turn.image, error=_too_much(len(found), turn.image))
    return ImageDone(
        turn.number,
        turn.source.name,
        turn.image,
        found,
        1000 * receipt.run_s if receipt is not None else 0.0,
        receipt=receipt.as_dict() if receipt is not None else {},
    )


def _digest(image: Image) -> str:
    content = hashlib.blake2b(repr((image.shape, image.dtype.str)).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def _too_much(objects: int, image: Image) -> str:
    return (
        f"{objects} objects on {image.shape[1]} x {image.shape[0]} pixels are too much at once. "
        "Scale the photo down, or ask for fewer objects."
    )


def _told(problem: BaseException) -> str:
    """One or two sentences; never a path of this machine."""
    if isinstance(problem, OSError) and not isinstance(problem, ValueError):
        return "The file is gone or cannot be read. Put it back and run the batch again."
    if isinstance(problem, MemoryError):
        return "It does not fit into the free memory. Scale it down."
    if isinstance(problem, BadInput):
        # It begins with a file's name, which stays as it is.
        return str(problem)
    text = str(problem).strip() or type(problem).__name__
    return text[0].upper() + text[1:]
