"""The HuGS room without a browser: what its handlers do, what each step shows, how it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
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
from models.hugs import METHOD, sample
from models.hugs.fusion_config import FusionConfig
from models.hugs.nerfstudio import VARIABLE
from models.hugs.pipeline_compare_types import CompareResult, Trained
from tests.hugs.test_nerfstudio import stand_in

KNOBS = (4, 0.95, 0.5, 7, 3, 5, 0.1, False)


@pytest.fixture(scope="module")
def hands() -> handlers.Handlers:
    with gr.Blocks():
        frame = Frame(METHOD)
        room = Room(frame, service.Sessions(Session), gr.HTML(), markup(""), markup(""))
    return handlers.Handlers(room)


@pytest.fixture(scope="module")
def opened() -> Session:
    """The shipped capture, read and fused once."""
    read = Session("me")
    for name in read.work.names:
        read.work.fused(name)
    return read


@pytest.fixture
def session(opened: Session) -> Session:
    """A page of its own on the opened capture: pictures and maps are shared, settings and corrections are not."""
    work = opened.work
    own = replace(
        work,
        renders=dict(work.renders),
        proposals=dict(work.proposals),
        forced={},
        own={},
        _cues=dict(work._cues),
        _fused=dict(work._fused),
    )
    fresh = Session("me", frame=opened.frame, compared=opened.compared)
    fresh.losses, fresh.looks, fresh.watched = list(opened.losses), dict(opened.looks), opened.watched
    fresh._work = own
    return fresh


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
    assert "outside the photo" in error(hands, click(hands, session, 5000, 3))


def test_frames_go_round(hands: handlers.Handlers, session: Session) -> None:
    names = session.work.names
    session.frame = names[-1]
    last(hands.act(session, {"do": "go", "by": 1}))
    assert session.frame == names[0]
    last(hands.act(session, '{"do": "frame", "frame": 3}'))
    assert session.frame == names[3]


def test_an_unknown_action_step_or_tool_is_refused(hands: handlers.Handlers, session: Session) -> None:
    for update in (hands.act(session, {"do": "x"}), hands.open_step(session, "x"), hands.tool(session, "x")):
        assert "does not exist" in error(hands, last(update))


def test_carrying_needs_a_correction_first(hands: handlers.Handlers, session: Session) -> None:
    assert "no correction" in error(hands, last(hands.propagate(session, 2)))
    session.tool = "moves"
    click(hands, session)
    last(hands.propagate(session, 1))
    assert len(session.work.forced) >= 1


def test_an_export_without_a_format_is_refused(hands: handlers.Handlers, session: Session) -> None:
    assert "no format chosen" in error(hands, last(hands.export(session, [], True)))


def test_scores_with_corrections_are_not_called_the_method_s(hands: handlers.Handlers, session: Session) -> None:
    assert "HuGS (fused)" in hugs_view.scores_html(session)
    session.tool = "moves"
    click(hands, session)
    assert "HuGS, with your changes" in hugs_view.scores_html(session)


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


def test_other_segments_mark_the_shipped_comparison_as_older(hands: handlers.Handlers, session: Session) -> None:
    assert "were changed" not in compared.compare_html(session)
    assert "photos by Colour segments" in state(
        hands, last(hands.segments(session, given.COLOURS, False, True, None, ""))
    )
    assert "were changed" in compared.compare_html(session)
    assert "computed earlier" in compared.compare_html(session)


def test_two_fields_lie_under_a_divider_that_says_what_is_on_its_sides(session: Session) -> None:
    picture = np.zeros((12, 16, 3), np.uint8)
    names = [view.name for view in session.work.capture.held_out[:2]]
    both = tuple(Trained(one, 20.0, 0.5, dict.fromkeys(names, picture), ()) for one in ("none", "hugs"))
    drawn = compared.trained_html(session, both, "7 steps")
    assert drawn.count("data-divide ") == 2
    assert drawn.count("hidden") == 1
    assert f"Divider between No masks (left) and HuGS masks (right), {names[0]}" in drawn
    assert "data-divide" not in compared.trained_html(session, both[:1], "7 steps")


def masks_zip(session: Session, folder: Path, size: tuple[int, int] | None = None) -> tuple[str, np.ndarray]:
    """A zip with one mask for the session's frame, its upper half white."""
    mask = np.zeros(size or session.work.capture.view(session.frame).size, bool)
    mask[: len(mask) // 2] = True
    with zipfile.ZipFile(folder / "masks.zip", "w") as packed:
        packed.writestr(f"{session.frame}.png", sample.png(mask.astype(np.uint8) * 255))
    return str(folder / "masks.zip"), mask


@pytest.mark.parametrize("kind", ["static", "inverted"])
def test_masks_of_one_s_own_stand_for_the_fused_ones_until_undone(
    hands: handlers.Handlers, session: Session, tmp_path: Path, kind: str
) -> None:
    work, name = session.work, session.frame
    before, (file, mask) = work.mask(name), masks_zip(session, tmp_path)
    wanted = mask if kind == "static" else ~mask
    assert "1 of 36 maps are yours" in state(hands, last(hands.own_masks(session, [file], "", kind)))
    assert np.array_equal(work.mask(name), wanted)
    assert np.array_equal(work.fused(name).static, wanted)
    assert "your mask file says so" in work.why(name, 3, 3).sentence
    last(hands.tool(session, "moves" if wanted[40, 20] else "static"))
    click(hands, session)
    segment = work.cues(name).segments == work.cues(name).segments[40, 20]
    assert np.array_equal(work.mask(name) != wanted, segment & (wanted == wanted[40, 20]))
    last(hands.undo(session))
    assert np.array_equal(work.mask(name), wanted)
    last(hands.undo(session))
    assert np.array_equal(work.mask(name), before)
    last(hands.redo(session))
    assert np.array_equal(work.mask(name), wanted)
    last(hands.fused_masks(session))
    assert np.array_equal(work.mask(name), before)
    assert "No photo" in error(hands, last(hands.fused_masks(session)))


def test_masks_of_a_wrong_size_are_refused_and_change_nothing(
    hands: handlers.Handlers, session: Session, tmp_path: Path
) -> None:
    file, _ = masks_zip(session, tmp_path, (10, 20))
    assert "20 x 10 pixels" in error(hands, last(hands.own_masks(session, [file], "", "static")))
    assert "not chosen" in error(hands, last(hands.own_masks(session, None, "", "static")))
    assert not session.work.own
    assert not session.done


def test_a_work_keeps_masks_of_one_s_own(session: Session, tmp_path: Path) -> None:
    _, mask = masks_zip(session, tmp_path)
    session.work.take_own({session.frame: mask})
    sample.save(sample.Sample(session.work), tmp_path / "a.work.zip", exact=False)
    assert np.array_equal(sample.load(tmp_path / "a.work.zip").work.own[session.frame], mask)


def test_without_nerfstudio_the_export_says_how_to_get_it_and_training_is_refused(
    hands: handlers.Handlers, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "")
    session.step = "export"
    side = hugs_view.message(session)["side"]
    assert VARIABLE in side
    assert "ns-train nerfacto --data nerfstudio" in side
    assert VARIABLE in error(hands, last(hands.nerfacto(session, 500)))


def test_with_nerfstudio_nerfacto_is_trained_on_the_export_and_its_figures_are_shown(
    hands: handlers.Handlers, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stand_in(tmp_path / "env")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "env"))
    session.step = "export"
    assert "nerfstudio 1.1.5 was found" in hugs_view.message(session)["side"]
    update = last(hands.nerfacto(session, 500))
    assert "25.50 dB" in state(hands, update)
    assert "nerfacto, 500 steps" in update[hands.room.stage]["side"]


def test_the_room_is_imported_without_the_heavy_packages() -> None:
    heavy = ("torch", "cv2", "scipy", "skimage", "sklearn", "pycolmap")
    code = f"import sys, app.panels.hugs; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


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
    monkeypatch.setattr(service, "trusts_paths", lambda: True)
    with pytest.raises(BadInput, match="does not exist on this machine"):
        given.chosen_sources(None, str(tmp_path / "nothing"))
    with pytest.raises(BadInput, match="SAM file is not chosen"):
        given.segmenter_of(given.OWN, None, " ")
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
