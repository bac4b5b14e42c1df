"""The HuGS room without a browser: what its handlers do, what each step shows, how it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from app import service
from app.frame import Frame
from app.guard.errors import BadInput
from app.markup import markup
from app.panels import hugs_charts as charts
from app.panels import hugs_compare_view as compared
from app.panels import hugs_examples, hugs_view
from app.panels import hugs_given as given
from app.panels import hugs_handlers as handlers
from app.panels import hugs_pictures as pictures
from app.panels.hugs_controls import LABELS, SLIDERS, Controls
from app.panels.hugs_session import STEPS, Session
from app.panels.hugs_work import Room
from models.hugs import METHOD
from models.hugs.fusion_config import FusionConfig
from models.hugs.pipeline_compare_types import CompareResult, Trained

KNOBS = (4, 0.95, 0.5, 7, 3, 5, 0.1, False)


@pytest.fixture(scope="module")
def hands() -> handlers.Handlers:
    with gr.Blocks():
        frame = Frame(METHOD)
        room = Room(frame, service.Sessions(Session), gr.HTML(), markup(""), markup(""))
    return handlers.Handlers(room)


@pytest.fixture
def session() -> Session:
    return Session("me")


def last(updates: Iterator[Any]) -> dict[Any, Any]:
    return list(updates)[-1]


def state(hands: handlers.Handlers, update: dict[Any, Any]) -> str:
    return str(update[hands.room.frame.state])


def error(hands: handlers.Handlers, update: dict[Any, Any]) -> str:
    return str(update.get(hands.room.frame.error, ""))


@pytest.mark.parametrize("step", STEPS)
def test_every_step_shows_something_and_every_picture_has_a_text(session: Session, step: str) -> None:
    session.step = step
    told = hugs_view.message(session)
    assert told["step"] == step
    assert told["panes"] or told["side"]
    assert all(re.search(r'alt="[^"]{5,}"', image) for image in re.findall(r"<img[^>]*>", told["side"]))
    assert all(pane["title"] for pane in told["panes"])


def test_a_knob_fuses_the_shown_frame_again_and_says_how_fast(hands: handlers.Handlers, session: Session) -> None:
    before = session.work.fused(session.work.names[0])
    update = last(hands.knob(session, 36, *KNOBS[1:]))
    assert "fused in" in state(hands, update)
    assert session.work.fusion.track_threshold == 36
    assert session.work.fused(session.work.names[0]) is not before


def test_a_knob_out_of_range_is_refused_and_nothing_changes(hands: handlers.Handlers, session: Session) -> None:
    kept = session.work.fusion
    update = last(hands.knob(session, 4, 2.0, *KNOBS[2:]))
    assert "quantile" in error(hands, update)
    assert session.work.fusion == kept


def click(hands: handlers.Handlers, session: Session, x: int = 20, y: int = 40) -> dict[Any, Any]:
    return last(hands.act(session, {"do": "click", "x": x, "y": y}))


def test_a_click_with_why_shows_the_truth_table_of_the_pixel(hands: handlers.Handlers, session: Session) -> None:
    session.work.names  # noqa: B018 - opens the sample
    told = click(hands, session)[hands.room.stage]
    assert told["asked"] == [20, 40]
    assert told["side"].count("<tr>") >= 7
    assert "Pixel (20, 40) is" in told["side"]


def test_a_click_settles_exactly_one_segment_and_undo_and_redo_follow(
    hands: handlers.Handlers, session: Session
) -> None:
    work, name = session.work, session.frame
    before = work.fused(name)
    segment = int(work.cues(name).segments[40, 20])
    wanted = not bool(before.voted[40, 20])
    last(hands.tool(session, "static" if wanted else "moves"))
    click(hands, session)
    assert work.forced[name] == {segment: wanted}
    assert np.array_equal(work.fused(name).voted != before.voted, work.cues(name).segments == segment)
    last(hands.undo(session))
    assert np.array_equal(work.fused(name).static, before.static)
    last(hands.redo(session))
    assert work.forced[name] == {segment: wanted}
    last(hands.tool(session, "auto"))
    click(hands, session)
    assert work.forced[name] == {}


def test_nothing_to_undo_is_said(hands: handlers.Handlers, session: Session) -> None:
    assert "Nothing to undo" in state(hands, last(hands.undo(session)))


def test_a_click_outside_the_photo_is_refused(hands: handlers.Handlers, session: Session) -> None:
    session.work.names  # noqa: B018 - opens the sample
    assert "outside the photo" in error(hands, click(hands, session, 5000, 3))


def test_frames_go_round(hands: handlers.Handlers, session: Session) -> None:
    names = session.work.names
    session.frame = names[-1]
    last(hands.act(session, {"do": "go", "by": 1}))
    assert session.frame == names[0]
    last(hands.act(session, '{"do": "frame", "frame": 3}'))
    assert session.frame == names[3]


def test_an_unknown_action_step_or_tool_is_refused(hands: handlers.Handlers, session: Session) -> None:
    session.work.names  # noqa: B018 - opens the sample
    for update in (hands.act(session, {"do": "x"}), hands.open_step(session, "x"), hands.tool(session, "x")):
        assert "does not exist" in error(hands, last(update))


def test_carrying_needs_a_correction_first(hands: handlers.Handlers, session: Session) -> None:
    session.work.names  # noqa: B018 - opens the sample
    assert "no correction" in error(hands, last(hands.propagate(session, 2)))
    session.tool = "moves"
    click(hands, session)
    last(hands.propagate(session, 1))
    assert len(session.work.forced) >= 1


def test_the_film_strip_names_every_frame_with_its_share(session: Session) -> None:
    drawn = hugs_view.film(session)
    assert drawn.count('class="hg-cell"') == len(session.work.names)
    assert drawn.count('aria-pressed="true"') == 1
    assert all("% masked" in title for title in re.findall(r'hg-cell"[^>]*title="([^"]*)"', drawn))


def test_a_changed_mask_marks_the_comparison_as_older(hands: handlers.Handlers, session: Session) -> None:
    picture = np.zeros((12, 16, 3), np.uint8)
    name = session.work.capture.held_out[0].name
    session.compared = CompareResult(
        (
            Trained("none", 20.0, 0.5, {name: picture}, (picture,) * 3),
            Trained("hugs", 21.5, 0.6, {name: picture}, (picture,) * 3),
        ),
        100,
        0,
    )
    shown = compared.compare_html(session)
    assert "+1.50" in shown
    assert shown.count("data:video/mp4") == 2
    last(hands.knob(session, 9, *KNOBS[1:]))
    assert "were changed" in compared.compare_html(session)


def test_settings_come_from_the_controls_in_their_order() -> None:
    assert given.config_of(KNOBS) == FusionConfig(4, 0.95, 0.5, 7, 3, 5, 0.1, False)
    with pytest.raises(BadInput, match="smooth"):
        given.config_of((4, 0.95, 0.5, None, 3, 5, 0.1, False))


def test_both_threshold_sliders_say_the_same() -> None:
    for images in (3, 36, 200):
        for count in range(images + 1):
            assert given.count_of(given.fraction_of(count, images), images) == count


def test_every_slider_has_a_label_and_a_help_text() -> None:
    with gr.Blocks():
        drawn = Controls(36)
    for name in SLIDERS:
        assert drawn.knobs[name].label == LABELS[name]
        assert drawn.knobs[name].info


def test_sources_are_refused_with_the_next_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Upload photos"):
        given.chosen_sources(None, "")
    monkeypatch.setattr(service, "trusts_paths", lambda: False)
    with pytest.raises(BadInput, match="shared server"):
        given.chosen_sources(None, str(tmp_path))
    assert given.chosen_sources([str(tmp_path / "a.zip")], "") == ([tmp_path / "a.zip"], "a.zip")
    with pytest.raises(BadInput, match="cannot come from"):
        given.segmenter_of("x", None, "")


def test_the_first_state_is_kept_and_is_that_of_the_sample(session: Session) -> None:
    first = hugs_examples.first()
    assert first.images == len(session.work.names)
    assert first.message["step"] == "fused"
    assert first.message["panes"][0]["photo"].startswith("data:image/jpeg")
    assert hugs_examples.FILE.stat().st_size < 400_000


def test_without_the_kept_first_state_the_stage_is_empty(tmp_path: Path) -> None:
    assert hugs_examples.first(tmp_path / "none.json").message["panes"] == []


def test_plots_tell_their_figures_to_those_who_do_not_see_them() -> None:
    drawn = charts.track_histogram(np.array([0, 2, 2, 7]), 5)
    assert "1 reach 5" in drawn
    assert "No feature" in charts.track_histogram(np.zeros(3, np.int64), 5)
    assert "Loss from 0.500 to 0.250" in charts.loss_curve([(1, 0.5), (9, 0.25)], 9)
    assert "drawn while" in charts.loss_curve([], 0)


def test_overlays_fill_at_45_percent_with_a_full_outline() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    alpha = pictures.tinted(mask, pictures.MOVES)[..., 3]
    assert alpha[4, 4] == 115
    assert alpha[2, 2] == 255
    assert alpha[0, 0] == 0
