"""The one shelf of projects of this process."""

from __future__ import annotations

import functools

from app import service
from app.annotate.project_folders import Shelf


@functools.lru_cache(maxsize=1)
def shelf() -> Shelf:
    """The projects in the user's state folder, and those opened from elsewhere."""
    return Shelf(service._state_folder() / "projects")
