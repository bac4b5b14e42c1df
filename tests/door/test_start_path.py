"""The start: the page answers before torch is imported."""

from __future__ import annotations

import pytest

from bench import startup


@pytest.mark.slow
def test_the_app_answers_without_having_imported_torch() -> None:
    components, torch_imported = startup.inspect()
    assert sum(components.values()) > 10
    assert torch_imported in (0, None)
