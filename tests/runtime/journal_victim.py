"""Run by test_journal in a process of its own and killed: finishes three jobs, then runs one and queues one.

Prints a line per finished ticket, then "busy" with the other two once they are on record.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from models.runtime import Runtime, RuntimeConfig
from tests.runtime.fakes import job


def main(path: Path) -> None:
    """Never returns by itself."""
    runtime = Runtime(RuntimeConfig(journal=path))
    for number in range(3):
        ticket = runtime.submit(job(call=lambda context, model, n: n, arguments={"n": number}))
        ticket.result()
        print("done", ticket.id, flush=True)
    inside = threading.Event()

    def forever(context: object, model: object) -> None:
        inside.set()
        threading.Event().wait()

    running, queued = runtime.submit(job(call=forever)), runtime.submit(job())
    inside.wait()
    runtime.journal.flush()
    print("busy", running.id, queued.id, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
