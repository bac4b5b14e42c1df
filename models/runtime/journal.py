"""The append-only record of every state change, in SQLite, and the learned costs beside it.

Durability: a finished job is committed before its ticket says so. In WAL mode with synchronous=NORMAL a commit is a
write to the operating system without waiting for the disk: it survives a killed process; after a power cut the last
moments may be missing, but the file stays consistent. Other states are written by a thread a moment later.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.runtime.locks import FileLock
from models.runtime.types import TERMINAL, State

log = logging.getLogger(__name__)
INTERRUPTED = "interrupted"
LINGER_S = 0.05
SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, session TEXT NOT NULL, ticket TEXT NOT NULL,
    state TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_ticket ON event (ticket);
CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, started REAL NOT NULL, ended REAL);
CREATE TABLE IF NOT EXISTS cost (key TEXT PRIMARY KEY, record TEXT NOT NULL);
"""


def _opened(path: Path | None) -> sqlite3.Connection:
    """The database with its tables. A file that is none is set aside, so that a damaged record stops nobody."""
    base = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10.0)
    try:
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")
        base.executescript(SCHEMA)
    except sqlite3.OperationalError:
        base.close()
        raise
    except sqlite3.DatabaseError:
        base.close()
        if path is None:
            raise
        aside = path.with_name(f"{path.name}.{uuid.uuid4().hex[:6]}.damaged")
        path.replace(aside)
        log.warning("%s is no usable journal; it is now %s and a new one begins", path.name, aside.name)
        return _opened(path)
    return base


class Journal:
    """Thread-safe. path: the database; None keeps everything in memory.

    Several processes may share a file: each holds a lock beside it, and whoever opens the file marks what sessions
    without a living holder had queued or running as interrupted.
    """

    def __init__(self, path: Path | None, now: float) -> None:
        self.session = uuid.uuid4().hex[:12]
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._base = _opened(path)
        self._base_lock = threading.Lock()
        self._pending: list[tuple[float, str, str, str, str]] = []
        self._costs: dict[str, str] = {}
        self._pending_changed = threading.Condition()
        self._closing = False
        self._writer: threading.Thread | None = None
        self._lock: FileLock | None = None
        if path is not None:
            self._lock = FileLock(self._lock_file(self.session))
            self._lock.acquire()
        self._base.execute("INSERT INTO session VALUES (?, ?, ?, NULL)", (self.session, os.getpid(), now))
        self.interrupted = self._mark_interrupted(now)

    def record(self, at: float, ticket: str, state: State | str, detail: Mapping[str, Any]) -> None:
        """Note a change; it reaches the file a moment later, or with the next `commit`."""
        row = (at, self.session, ticket, str(state), json.dumps(detail, default=str))
        with self._pending_changed:
            if self._closing:
                return
            self._pending.append(row)
            self._wake_writer()

    def commit(self, at: float, ticket: str, state: State | str, detail: Mapping[str, Any]) -> None:
        """Note a change and everything before it; on return it survives the death of the process."""
        row = (at, self.session, ticket, str(state), json.dumps(detail, default=str))
        with self._pending_changed:
            self._pending.append(row)
        self.flush()

    def save_cost(self, key: str, text: str) -> None:
        """Keep a learned cost; written together with the next events."""
        with self._pending_changed:
            self._costs[key] = text
            self._wake_writer()

    def costs(self) -> list[tuple[str, str]]:
        """Learned costs of earlier sessions."""
        with self._base_lock:
            return list(self._base.execute("SELECT key, record FROM cost"))

    def history(self, ticket: str) -> list[tuple[str, dict[str, Any]]]:
        """(state, detail) of one ticket, oldest first."""
        self.flush()
        with self._base_lock:
            rows = self._base.execute("SELECT state, detail FROM event WHERE ticket = ? ORDER BY number", (ticket,))
            return [(state, json.loads(detail)) for state, detail in rows]

    def finished(self) -> list[dict[str, Any]]:
        """Receipts of all finished jobs, oldest first."""
        self.flush()
        with self._base_lock:
            rows = self._base.execute("SELECT detail FROM event WHERE state = ? ORDER BY number", (State.DONE.value,))
            return [json.loads(detail) for (detail,) in rows]

    def flush(self) -> None:
        """Write everything noted so far."""
        with self._base_lock:
            with self._pending_changed:
                rows, self._pending = self._pending, []
                costs, self._costs = self._costs, {}
            if not rows and not costs:
                return
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.executemany(
                    "INSERT INTO event (at, session, ticket, state, detail) VALUES (?, ?, ?, ?, ?)", rows)
                self._base.executemany("INSERT OR REPLACE INTO cost VALUES (?, ?)", costs.items())
                self._base.execute("COMMIT")
            except sqlite3.Error:
                self._base.execute("ROLLBACK")
                with self._pending_changed:
                    # A full or locked disk may recover; nothing noted is dropped.
                    self._pending[:0] = rows
                    self._costs = costs | self._costs
                raise

    def close(self, at: float) -> None:
        """Write the rest and end the session."""
        with self._pending_changed:
            if self._closing:
                return
            self._closing = True
            self._pending_changed.notify_all()
        if self._writer is not None:
            self._writer.join()
        self.flush()
        with self._base_lock:
            self._base.execute("UPDATE session SET ended = ? WHERE id = ?", (at, self.session))
            self._base.close()
        if self._lock is not None:
            self._lock.release()

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_behind, name="vitrine-journal", daemon=True)
            self._writer.start()
        self._pending_changed.notify_all()

    def _write_behind(self) -> None:
        while True:
            with self._pending_changed:
                while not (self._pending or self._costs or self._closing):
                    self._pending_changed.wait()
                if self._closing:
                    return
                # A short job commits its own rows within this time, and the writer finds nothing left to do.
                self._pending_changed.wait_for(lambda: self._closing, LINGER_S)
            try:
                self.flush()
            except sqlite3.Error:
                # Kept for the next attempt, which the next change or `close` makes; `commit` reports it to its caller.
                with self._pending_changed:
                    self._pending_changed.wait()

    def _lock_file(self, session: str) -> Path:
        assert self._path is not None
        return self._path.with_name(f"{self._path.name}.{session}.lock")

    def _mark_interrupted(self, now: float) -> list[str]:
        """Tickets of dead sessions that had not ended; they get one more row each."""
        if self._path is None:
            return []
        marked: list[str] = []
        rows = self._base.execute("SELECT id FROM session WHERE ended IS NULL AND id != ?", (self.session,)).fetchall()
        for (session,) in rows:
            lock = FileLock(self._lock_file(session))
            if not lock.acquire():
                continue
            marked += self._end_session(session, now)
            lock.release()
        return marked

    def _end_session(self, session: str, now: float) -> list[str]:
        ended = [state.value for state in TERMINAL] + [INTERRUPTED]
        marks = ",".join("?" * len(ended))
        self._base.execute("BEGIN IMMEDIATE")
        tickets = [ticket for (ticket,) in self._base.execute(
            f"SELECT DISTINCT ticket FROM event WHERE session = ? AND ticket NOT IN "
            f"(SELECT ticket FROM event WHERE session = ? AND state IN ({marks}))", (session, session, *ended))]
        self._base.executemany(
            "INSERT INTO event (at, session, ticket, state, detail) VALUES (?, ?, ?, ?, '{}')",
            [(now, session, ticket, INTERRUPTED) for ticket in tickets])
        self._base.execute("UPDATE session SET ended = ? WHERE id = ?", (now, session))
        self._base.execute("COMMIT")
        return tickets
