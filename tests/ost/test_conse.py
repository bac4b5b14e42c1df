"""ConSE names what photos show, from installed packages alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models.ost.conse import ConseModel, conse, conse_resource
from models.ost.descriptors import ActionClass, ClassList
from models.ost.frames import ArraySource
from models.ost.pipeline import Options
from models.runtime import JobContext

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> ConseModel:
    loaded = conse_resource().load("cpu").value
    assert isinstance(loaded, ConseModel)
    return loaded


def test_a_photo_of_a_cat_is_a_cat_and_a_cup_is_a_drink(model: ConseModel) -> None:
    data = pytest.importorskip("skimage.data")
    given = ClassList(
        (
            ActionClass("stroking a cat", ("cat",), ("moving the hand",)),
            ActionClass("drinking coffee", ("cup of coffee",), ("lifting the cup",)),
            ActionClass("flying to space", ("rocket",), ("lifting off",)),
        )
    )
    for place, (name, noun) in enumerate((("chelsea", "cat"), ("coffee", "espresso"), ("rocket", "missile"))):
        photo = ArraySource(getattr(data, name)()[None])
        found = conse(JobContext(), model, source=photo, classes=given, options=Options(frames=2))
        assert int(np.argmax(found.shares)) == place, found.top()
        assert noun in found.nouns[0][0]
        assert found.shares.sum() == pytest.approx(1)
        assert json.loads(json.dumps(found.as_dict()))["scorer"] == "ConSE: nouns, not motions"


def test_sentences_close_in_meaning_lie_close(model: ConseModel) -> None:
    cat, kitten, engine = model.sentences.encode(["a cat", "a kitten", "the engine of a truck"])
    assert float(cat @ kitten) > float(cat @ engine)
    assert float(cat @ cat) == pytest.approx(1, abs=1e-5)
    assert model.sentences.encode([]).shape == (0, 384)
