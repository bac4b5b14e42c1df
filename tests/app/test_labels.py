"""The labels of a project."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.annotate.labels import HOT_KEYS, Labels, labels_from, labels_of, labels_value
from app.guard.errors import BadInput


def test_new_labels_take_the_next_colour_and_key() -> None:
    labels = labels_from(["cat", " dog ", "", "Cat"])
    assert [(one.name, one.key) for one in labels.present] == [("cat", "1"), ("dog", "2")]
    assert len({one.color for one in labels.present}) == 2


def test_tenth_label_has_no_key() -> None:
    labels = labels_from([f"label {n}" for n in range(11)])
    assert [one.key for one in labels.present] == [*HOT_KEYS, "", ""]


def test_key_moves_from_one_label_to_another() -> None:
    labels = labels_from(["cat", "dog"])
    labels = labels.changed("L2", key="1")
    assert [one.key for one in labels.present] == ["", "1"]


def test_renamed_label_keeps_its_id_and_is_found_by_its_former_name() -> None:
    labels = labels_from(["cat", "dog"]).changed("L1", name="lynx")
    found = labels.named("CAT")
    assert found is not None
    assert (found.id, found.name) == ("L1", "lynx")
    assert labels.added("cat").named("cat") != found


def test_deleted_label_comes_back_under_its_id() -> None:
    labels = labels_from(["cat"]).deleted("L1")
    assert labels.present == ()
    assert labels.name_of("L1") == ""
    assert labels.added("Cat").name_of("L1") == "Cat"


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"name": "  "}, "no name"),
        ({"name": "dog"}, "already a label"),
        ({"name": "x" * 61}, "61 letters"),
        ({"color": "red"}, "#RRGGBB"),
        ({"key": "0"}, "from 1 to 9"),
    ],
)
def test_what_a_label_cannot_be_is_told(change: dict[str, str], part: str) -> None:
    with pytest.raises(BadInput, match=part):
        labels_from(["cat", "dog"]).changed("L1", **change)


changes = st.lists(
    st.tuples(st.sampled_from(("add", "rename", "key", "delete")), st.sampled_from("abcd"), st.sampled_from("123")),
    max_size=15,
)


@given(changes)
def test_names_keys_and_ids_stay_unique(done: list[tuple[str, str, str]]) -> None:
    labels = Labels()
    for verb, name, key in done:
        ids = [one.id for one in labels.present]
        try:
            if verb == "add":
                labels = labels.added(name)
            elif ids and verb == "rename":
                labels = labels.changed(ids[0], name=name)
            elif ids and verb == "key":
                labels = labels.changed(ids[-1], key=key)
            elif ids:
                labels = labels.deleted(ids[0])
        except BadInput:
            continue
        names = [one.name.casefold() for one in labels.present]
        keys = [one.key for one in labels.present if one.key]
        assert len(set(names)) == len(names)
        assert len(set(keys)) == len(keys)
        assert len({one.id for one in labels.all}) == len(labels.all)
    assert labels_of(labels_value(labels)) == labels
