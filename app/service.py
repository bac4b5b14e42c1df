"""What every room shares while the process lives: the one runtime, and the work of each open page."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import gradio as gr
from gradio import utils as gradio_utils

from app.guard.paths import inside

if TYPE_CHECKING:
    from models.runtime import Runtime

T = TypeVar("T")
SESSION_LIFE_S = 6 * 3600.0
MOST_SESSIONS = 200
MOST_SESSION_BYTES = 2_000_000_000

_lock = threading.RLock()
_runtime: Runtime | None = None
_device: str | None = None
_trusts_paths = False
_listeners: list[Callable[[], object]] = []


def trust_paths(trusted: bool) -> None:
    """Say whether visitors may name files of this machine; False when other machines can reach the server."""
    global _trusts_paths
    _trusts_paths = trusted


def trusts_paths() -> bool:
    """True when a path typed into the page may be opened."""
    return _trusts_paths


def choose_device(device: str | None) -> None:
    """Fix the device ("cpu", "cuda:0", "mps", None = best available) before the first call of ``runtime``."""
    global _device
    _device = device


def runtime() -> Runtime:
    """The process-wide runtime, made on first use; making it imports no torch."""
    global _runtime
    with _lock:
        if _runtime is None:
            from models.runtime import Runtime, RuntimeConfig

            _runtime = Runtime(RuntimeConfig(devices=(_device or "auto",), journal=_state_folder() / "journal.sqlite"))
            _runtime.subscribe(_announce)
        return _runtime


def _state_folder() -> Path:
    """The user's state folder (XDG, or the platform's own place); made when it is missing."""
    home = os.environ.get("VITRINE_STATE") or os.environ.get("XDG_STATE_HOME")
    folder = Path(home) if home else Path.home() / ".local" / "state"
    folder = folder / "vitrine"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _announce(*_: object) -> None:
    for listener in list(_listeners):
        listener()


def on_change(listener: Callable[[], object]) -> Callable[[], None]:
    """Call ``listener`` on every change of the runtime, also of one that starts later; returns how to stop that."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


def started() -> bool:
    """True once something has asked for the runtime."""
    return _runtime is not None


def stop() -> None:
    """Close the runtime, if there is one: running jobs are cancelled and the journal is written out."""
    global _runtime
    with _lock:
        if _runtime is not None:
            _runtime.close()
            _runtime = None


@dataclass
class _Kept(Generic[T]):
    value: T
    used: float


class Sessions(Generic[T]):
    """The work of each open page, by its session; the longest unused goes first when there are too many.

    ``weigh`` gives the bytes one holds. A page whose session is gone sends what it kept in the browser, so dropping one
    loses nothing.
    """

    def __init__(
        self,
        make: Callable[[str], T],
        *,
        weigh: Callable[[T], int] = lambda _: 0,
        most: int = MOST_SESSIONS,
        most_bytes: int = MOST_SESSION_BYTES,
        life_s: float = SESSION_LIFE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._weigh, self._clock = make, weigh, clock
        self._most, self._most_bytes, self._life_s = most, most_bytes, life_s
        self._kept: dict[Hashable, _Kept[T]] = {}
        self._lock = threading.Lock()

    def of(self, key: str) -> T:
        """The work of session ``key``, made when it is new."""
        now = self._clock()
        with self._lock:
            kept = self._kept.pop(key, None) or _Kept(self._make(key), now)
            kept.used = now
            self._kept[key] = kept
            self._drop(now)
            return kept.value

    def _drop(self, now: float) -> None:
        held = {key: self._weigh(kept.value) for key, kept in self._kept.items()}
        total, newest = sum(held.values()), next(reversed(self._kept))
        for key in list(self._kept):
            fits = len(self._kept) <= self._most and total <= self._most_bytes
            if key == newest or (fits and now - self._kept[key].used <= self._life_s):
                return
            total -= held[key]
            del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


def user_of(request: gr.Request | None) -> str:
    """Who asks, for fair scheduling: the page's session, or "script" for a call without one."""
    return (request.session_hash if request is not None else None) or "script"


def uploaded(path: str) -> Path:
    """A file that this server received; raises BadInput for any other path.

    The browser sends upload paths back to us, so each one is checked to lie in the upload folder.
    """
    return inside(gradio_utils.get_upload_folder(), path)
