"""Class lists: every form reads back what it wrote, and what cannot be scored is refused by row."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ost import descriptors as forms
from models.ost.descriptors import ActionClass, ClassList
from models.parts.problems import BadInput
from tests.ost.models import classes

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(str.strip).filter(bool)


@st.composite
def lists(draw: st.DrawFn) -> ClassList:
    count = draw(st.integers(1, 3))
    names = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    row = st.tuples(*[texts] * count)
    return ClassList(tuple(ActionClass(name, draw(row), draw(row)) for name in names))


@given(lists())
def test_every_form_reads_what_it_wrote(given_list: ClassList) -> None:
    assert given_list.checked() == given_list
    assert forms.from_json(forms.to_json(given_list)) == given_list
    assert forms.from_csv(forms.to_csv(given_list)) == given_list
    assert forms.from_rows(forms.to_rows(given_list)) == given_list
    labels, spatial, temporal = forms.to_official(given_list)
    assert forms.from_official(forms.names_from_csv(labels), spatial, temporal) == given_list


def test_the_official_form_follows_the_spatial_file_and_looks_up_its_keys() -> None:
    spatial = json.dumps({"1": ["b"], "0": ["a"]})
    temporal = json.dumps({"0": ["A"], "1": ["B"]})
    found = forms.from_official(("first", "second"), spatial, temporal)
    assert [(item.name, item.spatial, item.temporal) for item in found.classes] == [
        ("first", ("b",), ("B",)),
        ("second", ("a",), ("A",)),
    ]


@pytest.mark.parametrize(
    ("spatial", "temporal", "message"),
    [
        ('{"0": ["a", "b"], "1": ["c"]}', '{"0": ["a", "b"], "1": ["c", "d"]}', "1 spatial descriptors"),
        ('{"0": ["a"], "1": ["c"]}', '{"0": ["a"]}', "no entry '1'"),
        ('{"0": ["a"]}', '{"0": ["a"]}', "1 classes"),
        ("[1]", "{}", "no table"),
        ("{", "{}", "not JSON"),
        ('{"0": "a", "1": "b"}', "{}", "list of texts"),
    ],
)
def test_ragged_or_broken_official_files_are_refused(spatial: str, temporal: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        forms.from_official(("x", "y"), spatial, temporal)


def test_label_files_may_be_the_authors_or_one_name_a_line() -> None:
    assert forms.names_from_csv("id,name\n0,brush_hair\n1,ride bike\n") == ("brush_hair", "ride bike")
    assert forms.names_from_csv("brush_hair\n\nto sit, slowly\n") == ("brush_hair", "to sit, slowly")


def test_editor_rows_keep_what_was_typed_and_leave_out_empty_rows() -> None:
    found = forms.from_rows([["run", "a", None], [None, "", float("nan")], ["", "x", "y"]])
    assert found.classes == (ActionClass("run", ("a",), ("",)), ActionClass("", ("x",), ("y",)))
    with pytest.raises(BadInput, match="Row 1"):
        forms.from_rows([["run", "a"]])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ClassList(()), "is empty"),
        (ClassList((ActionClass(" ", ("a",), ("b",)),)), "Row 1 has no class name"),
        (ClassList((*classes("run").classes, *classes("run").classes)), "rows 1 and 2"),
        (ClassList((ActionClass("run", ("a", ""), ("b", "c")),)), "empty spatial descriptor 2"),
        (ClassList((ActionClass("run", ("a",), ("b", "c")),)), "2 temporal descriptors"),
        (ClassList((ActionClass("run", (), ()),)), "no spatial descriptor"),
        (ClassList((ActionClass("run", ("a" * 6000,), ("b",)),)), "6,000 characters"),
        (classes(*map(str, range(2001))), "2,001 classes"),
    ],
)
def test_lists_that_cannot_be_scored_are_refused_by_row(broken: ClassList, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        broken.checked()


def test_replacing_a_class_changes_the_digest_and_nothing_else() -> None:
    before = classes("run", "sit")
    after = before.replaced("sit", classes("sit", mark="!").classes[0])
    assert after.classes[0] is before.classes[0]
    assert after.digest != before.digest
    with pytest.raises(BadInput, match="walk"):
        before.replaced("walk", before.classes[0])
