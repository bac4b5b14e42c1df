"""Byte-pair tokenisers: CLIP's and trained ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.parts.bpe import BytePairs, cleaned, train_bpe, words
from models.parts.clip_tokens import clip_tokeniser, tokenise
from models.parts.problems import BadInput

CORPUS = ["a person walking with a ball", "a person sitting on a chair", "the person walks"] * 3


def test_too_long_text_keeps_its_end_and_is_marked() -> None:
    tokeniser = clip_tokeniser()
    batch = tokenise(["word " * 100, "short"], tokeniser, 77)
    assert batch.truncated.tolist() == [True, False]
    assert batch.ids[0, -1] == tokeniser.end == batch.ids[0].max()
    assert batch.lengths.tolist() == [102, 3]


@pytest.mark.parametrize("text", ["跳舞", "танец", "رقص", "👩‍🚀 flies", "\ud800", "\x00", "", "   ", "<|endoftext|> x"])
def test_any_writing_has_a_code_that_ends_once(text: str) -> None:
    for tokeniser in (clip_tokeniser(), train_bpe(CORPUS, 600)):
        ids = tokeniser.encode(text)
        assert ids[0] == tokeniser.start
        assert ids.count(tokeniser.end) == 1
        assert ids[-1] == tokeniser.end


@given(st.text(max_size=60))
def test_ids_stay_within_the_vocabulary(text: str) -> None:
    tokeniser = clip_tokeniser()
    ids = tokeniser.encode(text)
    assert all(0 <= token < tokeniser.start for token in ids[1:-1])


@given(st.text(max_size=60))
def test_no_letter_is_lost_by_cutting_into_words(text: str) -> None:
    clean = cleaned(text)
    assert "".join(words(clean)) == "".join(char for char in clean if not char.isspace())


def test_training_merges_frequent_pairs_and_does_not_depend_on_the_order_of_texts() -> None:
    first, second = train_bpe(CORPUS, 600), train_bpe(CORPUS[::-1], 600)
    assert first.merges == second.merges
    assert len(first.encode("person")) == 3
    assert first.size <= 600


def test_trained_tokeniser_survives_saving(tmp_path: Path) -> None:
    trained = train_bpe([*CORPUS, "café 跳舞"], 560)
    trained.save(tmp_path / "tokens.json")
    again = BytePairs.load(tmp_path / "tokens.json")
    assert again.merges == trained.merges
    assert again.encode("a walking café") == trained.encode("a walking café")


@pytest.mark.parametrize("content", ["{}", "[1]", '{"merges": ["a"]}', '{"merges": 3}', "no json"])
def test_a_file_that_is_no_tokeniser_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(BadInput, match=r"tokens\.json"):
        BytePairs.load(tmp_path / "tokens.json")


def test_a_vocabulary_without_room_for_all_bytes_is_refused() -> None:
    with pytest.raises(BadInput, match="too small"):
        train_bpe(CORPUS, 500)
