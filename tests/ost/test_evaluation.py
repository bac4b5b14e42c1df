"""The report card: intervals, banks, ways of scoring, and the whole run at its smallest."""

import argparse

import numpy as np
import pytest
import torch

from models.ost import evaluation, evaluation_figures, evaluation_intervals, evaluation_lists, mini, mini_training
from models.ost import evaluation_measure as measure
from models.ost.descriptors import ActionClass, ClassList, to_official
from models.ost.evaluation_banks import class_list, with_wrong
from models.ost.evaluation_config import EvaluationConfig
from models.ost.evaluation_figures import figures, run
from models.ost.evaluation_intervals import difference, interval
from models.ost.text_bank import TextBank
from models.ost.weights import TOKENS_FILE, Recogniser
from models.parts.bpe import train_bpe
from models.parts.problems import BadInput
from models.parts.video_write import write_video
from models.worlds.figures import UNSEEN
from models.worlds.figures_actions import HELD_OUT_ACTIONS
from models.worlds.figures_words import POSTURE_WORDS

TINY = EvaluationConfig(held_out=1, seen=1, bodies=0, pairs=1, shots=(1,), seeds=2, frames=2, support_frames=2)


@pytest.fixture(scope="module")
def recogniser():
    model = mini.folded(mini.fresh(0)).eval().requires_grad_(False)
    return Recogniser(model, train_bpe([text for texts in POSTURE_WORDS.values() for text in texts], 700))


def test_intervals_hold_their_mean_and_narrow_with_more_clips():
    rng = np.random.default_rng(0)
    few, many = ((rng.random((3, size)) < 0.7).astype(float) for size in (20, 2000))
    for answers in (few, many):
        low, middle, high = interval(answers)
        assert low <= middle <= high
        assert middle == pytest.approx(answers.mean(), abs=1e-4)
    assert interval(many)[2] - interval(many)[0] < interval(few)[2] - interval(few)[0]
    assert difference(few, few) == [0, 0, 0]
    with pytest.raises(ValueError, match="at least one clip"):
        interval(np.zeros((0, 0)))


def test_wrong_descriptors_come_from_other_classes_at_the_share_asked_for():
    rng = np.random.default_rng(0)
    classes = class_list(HELD_OUT_ACTIONS, rng)
    assert with_wrong(classes, rng, 0.0) == classes
    changed = with_wrong(classes, rng, 0.3)
    pairs = [
        (a, b, item)
        for item, other in zip(classes.classes, changed.classes, strict=True)
        for a, b in zip(item.spatial + item.temporal, other.spatial + other.temporal, strict=True)
    ]
    share = np.mean([a != b for a, b, _ in pairs])
    assert 0.15 < share < 0.45
    every = {text for item in classes.classes for text in item.spatial + item.temporal}
    assert all(b in every for _, b, _ in pairs)
    with pytest.raises(ValueError, match="at least two"):
        with_wrong(ClassList(classes.classes[:1]), rng, 0.3)


def test_equal_scores_share_the_answer():
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [3.0, 3.0, 3.0]])
    np.testing.assert_allclose(measure.right(scores, np.array([0, 1, 2])), [0.5, 1, 1 / 3])
    table = measure.confusion(scores, np.array([0, 1, 2]))
    assert table.sum() == 3
    assert table[1, 1] == 1


def test_transport_finds_the_class_whose_steps_are_all_seen_where_the_mean_cannot():
    eye = np.eye(6)
    frames = np.stack([np.repeat(eye[[0, 1, 2, 3]], 2, axis=0)])
    mixed = np.stack([eye[[0, 1, 2, 3]], np.tile(eye[[0, 1, 2, 3]].mean(0) / 0.5, (4, 1))])
    mixed[1] /= np.linalg.norm(mixed[1], axis=-1, keepdims=True)
    bank = TextBank(mixed, mixed, mixed[:, 0], mixed[:, 0], (), 0)
    clips = measure.Clips(frames.astype(np.float32), np.array([0]), "")
    found = measure.logits(clips, bank, 100.0)
    assert measure.right(found["ot"], clips.labels)[0] == 1
    assert measure.right(found["mean_pooled"], clips.labels)[0] == 0


def test_few_shot_learning_fits_its_support_clips():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 8))
    labels = np.repeat(np.arange(3), 4)
    features = centres[labels][:, None] + 0.1 * rng.normal(size=(12, 4, 8))
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    clips = measure.Clips(features.astype(np.float32), labels, "")
    text = rng.normal(size=(3, 2, 8))
    text /= np.linalg.norm(text, axis=-1, keepdims=True)
    bank = TextBank(text, text, text[:, 0], text[:, 0], (), 0)
    moved = measure.adapted(clips, bank, 20.0, rate=0.05)
    assert measure.right(measure.logits(clips, moved, 20.0)["ost"], labels).mean() == 1
    assert measure.right(measure.by_prototype(clips, clips), labels).mean() == 1
    np.testing.assert_array_equal(moved.named, bank.named)


def test_the_smallest_run_has_every_figure_and_repeats(recogniser, monkeypatch):
    for name in ("HELD_OUT_ACTIONS", "SEEN_ACTIONS", "ORDER_PAIRS"):
        monkeypatch.setattr(evaluation_figures, name, getattr(evaluation_figures, name)[:3])
    monkeypatch.setattr(evaluation_intervals, "RESAMPLES", 50)
    said = []
    recognisers = {"mixed": recogniser, "stage_1": recogniser}
    outcome = run(recognisers, TINY, said.append)
    found = figures(outcome)
    for name in (
        "zero_shot_name",
        "zero_shot_mean_pooled",
        "zero_shot_ot",
        "zero_shot_ost",
        "zero_shot_ost_over_mean_pooled",
        "seen_ost",
        "paraphrased_ost",
        "wrong_ost",
        "order_pairs_ost",
        "few_shot_1_ost",
        "few_shot_1_prototype",
        "stage_1_ost",
    ):
        assert len(found[name]) == 3
    assert found["stage_1_ost"] == found["zero_shot_ost"]
    assert outcome.confusion.sum() == 2 * 3
    assert len(said) == 2


def test_clips_follow_from_their_seed():
    first, labels = measure.rendered(HELD_OUT_ACTIONS[:2], 1, 2, UNSEEN, 5)
    again, _ = measure.rendered(HELD_OUT_ACTIONS[:2], 1, 2, UNSEEN, 5)
    np.testing.assert_array_equal(first, again)
    assert labels.tolist() == [0, 1]


@pytest.fixture
def real(tmp_path, recogniser):
    """Two videos with a list, the authors' three files, and weights with their tokeniser."""
    rng = np.random.default_rng(0)
    for name in ("a", "b c"):
        write_video(tmp_path / f"{name}.mp4", rng.integers(0, 255, (9, 64, 96, 3), dtype=np.uint8), 8)
    (tmp_path / "test1.txt").write_text("a.mp4 0\nb c.mp4 1\n\n")
    classes = ClassList((ActionClass("one", ("x", "y"), ("p", "q")), ActionClass("two", ("z", "w"), ("r", "s"))))
    for file, text in zip(("labels.csv", "spatial.json", "temporal.json"), to_official(classes), strict=True):
        (tmp_path / file).write_text(text)
    mini_training.write_weights(recogniser.model, tmp_path / "w.safetensors")
    train_bpe(["a"], 520).save(tmp_path / TOKENS_FILE)
    return tmp_path


def test_lists_of_videos_are_measured_split_by_split(real):
    classes = evaluation_lists.read_classes(*(real / name for name in ("labels.csv", "spatial.json", "temporal.json")))
    (real / "test2.txt").write_text("a.mp4 0\n")
    asked = evaluation_lists.Asked(real, (real / "test1.txt", real / "test2.txt"), classes, 4)
    result = evaluation_lists.evaluate_lists(asked, real / "w.safetensors", None, 0.2, door=lambda file: file)
    assert result["config"]["videos"] == {"test1": 2, "test2": 1}
    assert len(result["figures"]["test1_ost"]) == 3
    assert result["figures"]["test1_ost_top_5"] == [1, 1, 1]
    assert 0 <= result["figures"]["mean_ost"] <= 1


@pytest.mark.parametrize(
    ("text", "word"),
    [("a.mp4\n", "Write the file"), ("a.mp4 7\n", "of 2 classes"), ("no.mp4 0\n", "not in"), ("\n", "lists no video")],
)
def test_lists_that_cannot_be_used_name_the_line(real, text, word):
    (real / "bad.txt").write_text(text)
    with pytest.raises(BadInput, match=word):
        evaluation_lists.read_list(real / "bad.txt", real, 2)


@pytest.mark.parametrize("words", [["--videos", "x"], ["--checkpoint", "x"], ["--frames"], ["--nonsense"]])
def test_words_that_are_not_understood_end_the_command(words):
    with pytest.raises(SystemExit):
        evaluation.evaluate_with(True, words, lambda file: file)
    assert isinstance(evaluation.options(), argparse.ArgumentParser)
    assert torch.is_inference_mode_enabled() is False
