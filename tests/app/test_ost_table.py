"""The class table of the video room: what is typed, read, written and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard.errors import BadInput
from app.panels import ost_api, ost_table
from app.panels.ost_history import MOST, History
from models.ost.descriptors import ActionClass, ClassList, to_rows
from models.ost.generation import URL_VARIABLE

TWO = ClassList(
    (
        ActionClass("run", ("legs apart", "road"), ("starts", "runs")),
        ActionClass("sit", ("a chair", "bent knees"), ("bends", "rests")),
    )
)


@pytest.fixture
def received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose files count as uploaded."""
    monkeypatch.setattr(ost_table.service, "uploaded", Path)
    return tmp_path


def written(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


@pytest.mark.parametrize("key", ost_table.PRESETS)
def test_every_preset_can_be_scored_and_has_no_doubles(key: str) -> None:
    classes = ost_table.preset(key).checked()
    assert len(classes) >= 16
    assert classes.count == 4


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(BadInput, match="held_out"):
        ost_table.preset("none")


@pytest.mark.parametrize("form", ["json", "csv", "official"])
def test_what_is_saved_in_any_form_reads_back_the_same(received: Path, form: str) -> None:
    files = [written(received, name, data) for name, data in ost_table.exported(TWO, form)]
    assert ost_table.imported(files) == TWO


@pytest.mark.parametrize(
    ("name", "text"),
    [("labels.csv", "id,name\n0,juggling\n1,walking\n"), ("names.txt", "juggling\nwalking\n")],
)
def test_names_alone_get_descriptors(received: Path, name: str, text: str) -> None:
    classes = ost_table.imported([written(received, name, text.encode())]).checked()
    assert classes.names == ("juggling", "walking")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.json", b"{", "is not JSON"),
        ("a.csv", b"x,y\n", "column names"),
        ("a.json", b"\xff\xfe\x00", "UTF-8"),
        ("a.json", b"[1]", "no table"),
    ],
)
def test_a_file_that_is_no_class_list_is_refused(received: Path, name: str, data: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        ost_table.imported([written(received, name, data)])


def test_two_files_are_neither_form(received: Path) -> None:
    files = [written(received, name, b"{}") for name in ("spatial.json", "temporal.json")]
    with pytest.raises(BadInput, match="official three"):
        ost_table.imported(files)


@pytest.mark.parametrize("text", ["juggling, mowing the lawn,, juggling", "juggling\n\nmowing the lawn\njuggling\n"])
def test_typed_names_become_a_table_without_doubles(text: str) -> None:
    classes = ost_table.named(text, 3).checked()
    assert classes.names == ("juggling", "mowing the lawn")
    assert classes.count == 3


def test_names_in_any_script_are_kept() -> None:
    assert ost_table.named("跑步\nходьба\nنص").checked().names == ("跑步", "ходьба", "نص")


def test_no_name_is_refused() -> None:
    with pytest.raises(BadInput, match="at least one"):
        ost_table.named(" \n,")


def test_filling_writes_empty_cells_and_nothing_else() -> None:
    given_rows = [["bowling", "my words", "", "", "rolls"], ["sit", "a", "b", "c", "d"]]
    made, said = ost_table.filled(ost_table.of_rows(given_rows), "bank")
    rows = to_rows(made.checked())
    assert rows[0][1] == "my words"
    assert rows[0][4] == "rolls"
    assert rows[1] == given_rows[1]
    assert "1 classes" in said


def test_a_text_service_without_address_is_told_and_the_table_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    with pytest.raises(BadInput, match="no address"):
        ost_table.filled(ost_table.of_rows([["sit", "", ""]]), "service")


def test_a_text_service_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:9/v1")
    with pytest.raises(BadInput, match="does not answer"):
        ost_table.filled(ost_table.of_rows([["sit", "", ""]]), "service")


def test_a_pasted_answer_replaces_and_adds_rows() -> None:
    answer = (
        'Here: {"sit": {"spatial": ["stool"], "temporal": ["lowers"]}, "jump": {"spatial": [], "temporal": ["up"]}}'
    )
    rows = to_rows(ost_table.pasted(TWO, answer))
    assert rows[0][0] == "run"
    assert rows[1] == ["sit", "stool", "", "lowers", ""]
    assert rows[2] == ["jump", "", "", "up", ""]


def test_the_question_names_the_classes_that_lack_descriptors() -> None:
    rows = [["run", "a", "b"], ["sit", "", "b"]]
    text = ost_table.question(ost_table.of_rows(rows))
    assert '"sit"' in text
    assert '"run"' not in text
    with pytest.raises(BadInput, match="empty"):
        ost_table.question(ClassList(()))


def test_remarks_name_row_and_rule_and_escape_what_was_typed() -> None:
    said = ost_table.remarks(ost_table.of_rows([["<b>", "", "x"], ["<b>", "y", "z"]]))
    assert "row 1" in said
    assert "duplicate class" in said
    assert "<b><b>" not in said
    assert "&lt;b&gt;" in said


def test_scripts_give_names_or_whole_classes_and_doubles_are_told() -> None:
    assert ost_table.of_plain(ost_table.plain(TWO)) == TWO
    assert ost_table.of_plain(["run"]).names == ("run",)
    with pytest.raises(BadInput, match="rows 1 and 2"):
        ost_table.of_plain(ost_table.plain(TWO)[:1] * 2).checked()
    with pytest.raises(BadInput, match="mixes"):
        ost_table.of_plain(["run", 3])


@given(st.lists(st.sampled_from(["keep", "back", "forth"]), max_size=120))
def test_undo_and_redo_walk_the_tables_that_were_seen(actions: list[str]) -> None:
    history, number = History(), 0
    for action in actions:
        before = history.states[history.place] if history.states else None
        if action == "keep":
            number += 1
            history.keep([[str(number)]])
            if before is not None and len(history.states) > 1:
                assert history.step(-1) == before
                assert history.step(1) == [[str(number)]]
        else:
            found = history.step(-1 if action == "back" else 1)
            if found is not None:
                assert history.step(1 if action == "back" else -1) == before
                history.step(-1 if action == "back" else 1)
    assert len(history.states) <= MOST
    assert history.place < max(len(history.states), 1)


def test_a_script_is_told_of_what_the_embedded_weights_do_not_read() -> None:
    given = [{"name": "bowling", "spatial": ["ball " * 40], "temporal": ["rolling a ball"]}]
    assert [remark["rule"] for remark in ost_api.lint(given)["remarks"]] == ["too long"]
