"""The video room without a browser: its pictures, its left column, its downloads, what it says of stale results."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.guard.errors import BadInput
from app.panels import ost, ost_asked, ost_controls, ost_examples, ost_line, ost_view
from app.panels.ost_recognise import on_stage
from app.panels.ost_session import Session, Weights
from models.ost import METHOD
from models.ost.conse import ConseAnswer
from models.ost.export import Annotation, annotations_of
from models.ost.pipeline import Options, Recognition, recognise
from models.ost.timeline import Timeline, timeline
from models.runtime import JobContext
from tests.ost.models import classes, clip, tiny_recogniser

NAMES = classes("run <fast>", "sit", "jump")
THUMBS = ("data:a", "data:b", "data:c")
VALUES = (16, 1, 0.1, 100, "uniform", True, True, False)


@pytest.fixture(scope="module")
def answer() -> Recognition:
    options = Options(frames=3, shuffle_seed=0)
    return recognise(JobContext(), tiny_recogniser(), source=clip(), classes=NAMES, options=options)


@pytest.fixture(scope="module")
def line() -> Timeline:
    return timeline(
        JobContext(), tiny_recogniser(), source=clip(), classes=NAMES, options=Options(frames=4), window=1.0
    )


@pytest.fixture
def session(answer: Recognition, line: Timeline) -> Session:
    labels = list(annotations_of(line, "clip.mp4", "digest"))
    return Session("me", title="clip.mp4", answer=answer, shown="sit", line=line, labels=labels)


def test_three_rankings_are_best_first_and_names_are_escaped(answer: Recognition) -> None:
    drawn = ost_view.rankings(answer)
    assert drawn.count('class="os-column') == 3
    assert "run &lt;fast&gt;" in drawn
    assert "<fast>" not in drawn
    for column in re.findall(r'<section class="os-column.*?</section>', drawn):
        shares = [float(text) for text in re.findall(r"<b>([\d.]+)</b>", column)]
        assert shares == sorted(shares, reverse=True)
    assert "random order" in drawn


def test_the_parts_of_a_bar_are_those_switched_on(answer: Recognition) -> None:
    without = replace(answer, parts=answer.parts | {"pool_spatial": np.zeros(3), "pool_temporal": np.zeros(3)})
    assert "pooled, spatial" in ost_view.rankings(answer)
    assert "pooled, spatial" not in ost_view.rankings(without)


def test_an_unfamiliar_clip_is_told_modestly(answer: Recognition) -> None:
    assert "may be unlike" in ost_view.rankings(replace(answer, familiar=False))
    assert "may be unlike" not in ost_view.rankings(replace(answer, familiar=None))


@pytest.mark.parametrize("kind", ["plan", "similarity", "gain"])
def test_every_cell_of_the_map_knows_its_second(answer: Recognition, kind: ost_view.Kind) -> None:
    drawn = ost_view.heat(answer, "sit", kind, THUMBS)
    seconds = re.findall(r'<td data-second="([\d.]+)" tabindex="0"', drawn)
    assert len(seconds) == 3 * 2 * NAMES.count
    assert {float(second) for second in seconds} == {round(float(s), 3) for s in answer.seconds}
    assert drawn.count("alt=") == 3


def test_an_even_plan_has_no_colour() -> None:
    assert ost_view._colour(1.0, "plan", 0, 2).endswith("/ 0.00)")
    assert ost_view._colour(0.0, "plan", 0, 2).startswith("rgb(0 114 178")
    assert ost_view._colour(4.0, "plan", 0, 4).startswith("rgb(213 94 0")


def test_the_timeline_covers_the_clip_and_lists_every_stretch(line: Timeline) -> None:
    labels = list(annotations_of(line, "clip.mp4", "digest"))
    labels[0] = replace(labels[0], label="<mine>")
    drawn = ost_line.drawn(line, labels, [(0.5, "data:x"), (1.5, "data:y")])
    assert drawn.count("<tr data-second") == len(labels)
    assert drawn.count("<image") == 2
    assert "&lt;mine&gt; (corrected)" in drawn
    assert 'tabindex="0"' in drawn
    assert "<image" not in ost_line.drawn(line, labels)


@pytest.mark.parametrize("duration", [0.04, 1.0, 30.0, 3600.0, 20_000.0])
def test_the_axis_never_has_more_than_a_dozen_ticks(duration: float) -> None:
    ticks = ost_line._ticks(duration)
    assert ticks[0] == 0
    assert len(ticks) <= 12
    assert ticks[-1] <= duration


def test_conse_is_called_what_it_is() -> None:
    found = ConseAnswer(
        NAMES,
        np.array([0.1, 0.3, 0.2]),
        np.array([0.1, 0.3, 0.2]),
        np.array([0.2, 0.5, 0.3]),
        (("folding chair", 0.4),),
        np.arange(3),
        np.arange(3.0),
        12.0,
    )
    drawn = ost_view.nouns(found)
    assert "Nouns, not motions" in drawn
    assert drawn.index(">sit<") < drawn.index(">jump<")
    assert "folding chair" in drawn


def test_what_is_asked_is_checked() -> None:
    options = ost_controls.asked(*VALUES)
    assert options == Options()
    assert ost_controls.asked(*VALUES[:-1], True).shuffle_seed is not None
    with pytest.raises(BadInput, match="marginals"):
        ost_controls.asked(marginals="odd")
    with pytest.raises(BadInput, match="no part left"):
        ost_controls.asked(transport=False, pool=False)
    with pytest.raises(BadInput, match="Epsilon"):
        ost_controls.asked(epsilon=0)


def test_weights_need_a_file_that_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ost_controls.service, "trusts_paths", lambda: True)
    with pytest.raises(BadInput, match="not given"):
        ost_controls.chosen_weights("file", "", None, "", 0)
    with pytest.raises(BadInput, match="does not exist"):
        ost_controls.chosen_weights("file", str(tmp_path / "none.pth"), None, "", 0)
    with pytest.raises(BadInput, match=r"neither model.safetensors"):
        ost_controls.chosen_weights("file", str(tmp_path), None, "", 0)
    monkeypatch.setattr(ost_controls.service, "trusts_paths", lambda: False)
    with pytest.raises(BadInput, match="shared server"):
        ost_controls.chosen_weights("file", "/etc/passwd", None, "", 0)


@pytest.mark.parametrize("name", ["../../secret.mp4", "none.mp4", ""])
def test_only_shipped_clips_are_examples(name: str) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        ost_controls.example_path(name)


def test_an_empty_stage_is_told_even_when_an_older_clip_is_known() -> None:
    with pytest.raises(BadInput, match="is missing"):
        on_stage(Session("me"), None)


def test_a_shipped_clip_on_the_page_is_opened_again_for_a_new_session() -> None:
    session = Session("me")
    on_stage(session, f"/tmp/gradio/0a1b/{ost_examples.CLIP}")
    assert session.title == ost_examples.CLIP
    source = session.source
    on_stage(session, f"/tmp/gradio/0a1b/{ost_examples.CLIP}")
    assert session.source is source


def test_changed_inputs_are_named_until_they_match_again(session: Session) -> None:
    now = ost_asked.Now("abc", VALUES, 2.0)
    assert ost_asked.note(session, now) == ""
    session.asked = ost_asked.asked(session, ost_asked.Now("abc", VALUES))
    session.line_asked = ost_asked.asked(session, now)
    assert ost_asked.note(session, ost_asked.Now("abc", (16.0, *VALUES[1:]), 2)) == ""
    note = ost_asked.note(session, ost_asked.Now("xyz", (32, *VALUES[1:]), 2))
    assert "Changed since the answer:</b> classes, frames" in note
    assert "Changed since the timeline:</b> classes, frames" in note
    note = ost_asked.note(session, ost_asked.Now("abc", VALUES, 5))
    assert "the answer" not in note
    assert "the timeline:</b> window" in note
    session.weights = Weights("x.safetensors", name="x")
    assert "weights" in ost_asked.note(session, now)


def test_every_download_has_the_numbers_on_the_page(session: Session) -> None:
    assert ost.made(session, "scores")[1].startswith("class,")
    assert "sit" not in ost.made(session, "plan")[1].splitlines()[0]
    assert len(ost.made(session, "plan")[1].splitlines()) == 1 + 3 * 2 * NAMES.count
    assert ost.made(session, "segments")[0] == ".csv"
    ending, lines = ost.made(session, "labels")
    assert ending == ".jsonl"
    assert [Annotation(**json.loads(text)) for text in lines.splitlines()] == session.labels
    content = json.loads(ost.made(session, "json")[1])
    assert [row["name"] for row in content["answer"]["classes"]] == list(NAMES.names)
    assert content["timeline"]["duration"] == session.line.duration if session.line else False


@pytest.mark.parametrize("form", [form.key for form in ost.FORMATS])
def test_a_download_before_any_result_says_what_to_press(form: str) -> None:
    with pytest.raises(BadInput, match="Press"):
        ost.made(Session("me"), form)


def test_the_kept_example_names_a_shipped_clip_and_fits_the_page(tmp_path: Path) -> None:
    kept = ost_examples.first()
    assert kept.clip == ost_examples.CLIP
    assert len(kept.names) == len(set(kept.names)) == 24
    assert all(part.startswith('<div class="pk-frame">') for part in (kept.rankings, kept.heat, kept.line))
    assert ost_examples.first(tmp_path / "none.json") == ost_examples.First()
    ost_examples.write(kept, tmp_path / "first.json")
    assert ost_examples.first(tmp_path / "first.json") == kept


def test_the_room_is_that_of_the_method() -> None:
    assert METHOD.panel == "app.panels.ost"
    assert METHOD.cost_hints["recognise"][0] < METHOD.cost_hints["recognise"][1]
