"""Fixtures of the security tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.guard.checkpoints import checkpoint_door


@pytest.fixture
def fired(tmp_path: Path) -> Path:
    """A file that exists only if a payload ran."""
    return tmp_path / "fired"


@pytest.fixture
def door(tmp_path: Path) -> Any:
    return lambda path, **options: checkpoint_door(path, cache=tmp_path / "cache", **options)
