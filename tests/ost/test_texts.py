"""Templates, the text store and the lint."""

from __future__ import annotations

import numpy as np
import pytest

from models.ost.descriptors import ActionClass, ClassList
from models.ost.lint import lint, without_step
from models.ost.text_bank import Sentences, TextStore
from models.parts.clip_tokens import clip_tokeniser
from tests.ost.models import classes, tiny, tokeniser


def test_the_templates_are_the_authors() -> None:
    found = Sentences.of(ClassList((ActionClass("ride_bike {x}", ("helmet",), ("Step 1: pedal",)),)))
    assert found.spatial == ("This is a video about helmet",)
    assert found.temporal == ("A video of ride_bike {x} usually includes Step 1: pedal",)
    assert found.named == ("a video of a person ride_bike {x}.",)
    assert found.bare == ("ride_bike {x}",)


def test_a_changed_class_costs_its_own_sentences_alone_and_leaves_the_others_as_they_were() -> None:
    model, store = tiny(), TextStore()
    first = store.bank(model, tokeniser(), classes("run", "sit"))
    assert first.fresh == 2 * (2 + 2 + 2)
    assert store.bank(model, tokeniser(), classes("run", "sit")).fresh == 0
    edited = classes("run", "sit").replaced("sit", ActionClass("sit", ("new", "sit thing 1"), ("sit step 0", "other")))
    second = store.bank(model, tokeniser(), edited)
    assert second.fresh == 2
    assert np.array_equal(first.spatial[0], second.spatial[0])
    assert np.array_equal(first.temporal[0], second.temporal[0])
    assert not np.array_equal(first.spatial[1], second.spatial[1])


def test_features_do_not_depend_on_what_else_is_encoded_and_have_unit_norm() -> None:
    model = tiny()
    together = TextStore().bank(model, tokeniser(), classes(*(f"action {place}" for place in range(40))))
    alone = TextStore().bank(model, tokeniser(), classes("action 7"))
    assert np.allclose(together.spatial[7], alone.spatial[0], atol=1e-6)
    assert np.allclose(np.linalg.norm(together.temporal, axis=-1), 1)


def test_sentences_beyond_the_context_are_reported_and_still_encoded() -> None:
    long = ClassList((ActionClass("run", ("walking " * 250,), ("ok",)),))
    bank = TextStore().bank(tiny(), tokeniser(), long)
    assert bank.truncated == ("This is a video about " + "walking " * 250,)
    assert np.isfinite(bank.spatial).all()


@pytest.mark.parametrize("name", ["跳舞", "танец", "رقص", "👩‍🚀"])
def test_writing_of_any_kind_is_encoded(name: str) -> None:
    assert np.isfinite(TextStore().bank(tiny(), tokeniser(), classes(name)).spatial).all()


def test_every_oddity_has_its_remark_at_its_place() -> None:
    given = ClassList(
        (
            ActionClass("ride bike", ("a ride_bike scene", "Helmet", "helmet "), ("Step 1: get on", "", "2. pedal")),
            ActionClass(" ", ("a", "b", "c"), ("d", "e", "f " * 90)),
            ActionClass("Ride Bike", ("bikes", "striding", "x"), ("y", "z", "w")),
        )
    )
    found = {(remark.row, remark.kind, remark.place, remark.rule) for remark in lint(given, clip_tokeniser())}
    assert found == {
        (0, "name", 0, "duplicate class"),
        (2, "name", 0, "duplicate class"),
        (0, "spatial", 0, "names the class"),
        (0, "spatial", 2, "duplicate"),
        (0, "temporal", 0, "step prefix"),
        (0, "temporal", 1, "empty"),
        (0, "temporal", 2, "step prefix"),
        (1, "name", 0, "no name"),
        (1, "temporal", 2, "too long"),
    }


def test_the_limit_of_tokens_is_that_of_the_model() -> None:
    given = ClassList((ActionClass("run", ("one two three four five six seven eight",), ("b",)),))
    assert {remark.rule for remark in lint(given, clip_tokeniser(), context=12)} == {"too long"}
    assert not lint(given, clip_tokeniser(), context=77)
    assert not lint(given)


@pytest.mark.parametrize("text", ["Step 1: walk", "step 2 - walk", "3. walk", "4) walk", "walk"])
def test_step_numbers_come_off(text: str) -> None:
    assert without_step(text) == "walk"
