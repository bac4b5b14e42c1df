"""Tells listeners of changes without making the changes wait for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from models.runtime.types import Status

log = logging.getLogger(__name__)


class Listeners:
    """One thread, made with the first listener; changes that come while it works are reported together."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status
        self._changed = threading.Condition()
        self._listeners: list[Callable[[Status], None]] = []
        self._dirty = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def add(self, listener: Callable[[Status], None]) -> Callable[[], None]:
        """Start calling `listener`; returns the function that stops it."""
        with self._changed:
            self._listeners.append(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="vitrine-status", daemon=True)
                self._thread.start()

        def remove() -> None:
            with self._changed:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return remove

    def changed(self) -> None:
        """Something changed; costs next to nothing when nobody listens."""
        if self._listeners:
            with self._changed:
                self._dirty = True
                self._changed.notify_all()

    def close(self) -> None:
        """Stop the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._dirty and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                self._dirty = False
                listeners = list(self._listeners)
            status = self._status()
            for listener in listeners:
                try:
                    listener(status)
                except Exception:
                    # A broken page must not silence the others.
                    log.exception("a status listener failed")
