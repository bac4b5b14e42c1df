"""How much a visitor may send at once. Pure numbers; app.guard.web enforces them before a handler runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UploadLimits:
    """Bytes a request body may have."""

    max_file: int = 256_000_000
    """One uploaded file: room for any photo and for small checkpoints; larger ones are given by path."""
    max_upload_request: int = 600_000_000
    """One upload request, which may carry several files."""
    max_message: int = 24_000_000
    """Any other request. Clicks and settings have a few kilobytes; masks painted by hand, some megabytes."""


DEFAULT = UploadLimits()
