"""No test of this folder measures: the built-in rule chooses, so results do not depend on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.parts.large_kernel_dispatch import Dispatcher, use
from models.parts.large_kernel_table import Table


@pytest.fixture(autouse=True)
def rule_only(tmp_path: Path) -> Iterator[None]:
    before = use(Dispatcher(Table(tmp_path), measure=False))
    yield
    use(before)
