"""What every room's functions for scripts need: errors in words, a job carried out, files handed back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio import utils as gradio_utils

from app import service
from models.runtime import Job, JobFailed, RuntimeProblem

if TYPE_CHECKING:
    from models.runtime import Ticket


@contextmanager
def in_words() -> Iterator[None]:
    """Turns errors meant for people (BadInput and BadPrompt are ValueErrors) into gradio's, which reach the script as
    its exception."""
    try:
        yield
    except (RuntimeProblem, ValueError) as problem:
        raise gr.Error(str(problem), print_exception=False) from problem


def done(job: Job) -> Ticket:
    """``job`` carried out. Raises what it raised, as people should see it."""
    ticket = service.runtime().submit(job)
    try:
        ticket.result()
    except JobFailed as failure:
        if isinstance(failure.original, ValueError):
            raise failure.original from failure
        raise
    return ticket


def served(name: str, data: bytes) -> dict[str, Any]:
    """``data`` as a file that gradio serves: it lies in its cache, under the digest of its content."""
    folder = Path(gradio_utils.get_upload_folder()) / hashlib.sha256(data).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return {"path": str(path), "orig_name": name, "size": len(data), "meta": {"_type": "gradio.FileData"}}
