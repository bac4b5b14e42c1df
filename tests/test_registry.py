"""What a method may say of itself, and what the registry refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models import registry


def test_checkpoints_of_one_method_have_names_of_their_own() -> None:
    method = registry.get("robust_sam")
    with pytest.raises(ValueError, match="names two checkpoints alike: nano, nano"):
        replace(method, checkpoints=method.checkpoints[:1] * 2)


def test_a_slug_belongs_to_one_method_and_an_unknown_one_is_told_the_known() -> None:
    with pytest.raises(registry.DuplicateMethod, match="needs another"):
        registry.register(replace(registry.get("pelk"), slug="ost"))
    with pytest.raises(registry.UnknownMethod, match="robust_sam, hugs, pelk, ost"):
        registry.get("no_such_room")
