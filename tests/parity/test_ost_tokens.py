"""CLIP's tokeniser against recorded ids."""

from __future__ import annotations

from models.parts.clip_tokens import clip_tokeniser, tokenise
from tests.parity.recorded import Recorded


def test_ids_equal_the_recorded_ones() -> None:
    file = Recorded.open("ost", "clip_tokens.json")
    tokeniser = clip_tokeniser()
    assert (tokeniser.size, tokeniser.start, tokeniser.end) == (
        file.entry["vocab_size"],
        file.entry["sot_token"],
        file.entry["eot_token"],
    )
    for text, ids in file.json().items():
        assert tokeniser.encode(text) == ids, text
        batch = tokenise([text], tokeniser, file.entry["context_length"])
        assert batch.ids[0, : len(ids)].tolist() == ids
        assert not batch.truncated[0]
