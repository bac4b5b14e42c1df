"""Texts to token ids: CLIP's own vocabulary, and the batch form every text tower reads."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from models.parts.bpe import BytePairs

CLIP_CONTEXT = 77
CLIP_VOCABULARY = 49408
_MERGES = "bpe_simple_vocab_16e6.txt.gz"


@dataclass(frozen=True)
class Tokens:
    """A batch of texts.

    ``ids``: int64 (N, context), filled up with 0. ``lengths``: int64 (N,) tokens each text needs, start and end
    included. ``truncated``: bool (N,), True where a text was too long: its tail was dropped and its end kept.
    """

    ids: np.ndarray
    lengths: np.ndarray
    truncated: np.ndarray


@lru_cache(maxsize=1)
def clip_tokeniser() -> BytePairs:
    """CLIP's tokeniser (49,408 ids), from the merges in the open-clip-torch wheel, which is not itself imported.

    Raises ImportError with the remedy when the wheel is missing.
    """
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise ImportError("CLIP's merges come from a PyPI package: pip install open-clip-torch==3.3.0")
    with gzip.open(Path(spec.origin).parent / _MERGES, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")
    count = CLIP_VOCABULARY - 512 - 2
    pairs = (line.split() for line in lines[1 : count + 1])
    return BytePairs([(first, second) for first, second in pairs])


def tokenise(texts: Sequence[str], tokeniser: BytePairs, context: int) -> Tokens:
    """``texts`` as one batch of at most ``context`` tokens each; a longer text loses its tail but not its end token."""
    ids = np.zeros((len(texts), context), dtype=np.int64)
    lengths = np.zeros(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        code = tokeniser.encode(text)
        lengths[row] = len(code)
        kept = code if len(code) <= context else [*code[: context - 1], tokeniser.end]
        ids[row, : len(kept)] = kept
    return Tokens(ids, lengths, lengths > context)
