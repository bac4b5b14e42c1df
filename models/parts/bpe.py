"""Byte-pair encoding over bytes (Sennrich et al. 2016), in the form CLIP uses: any text has a code, none is unknown.

Ids: 256 bytes, 256 bytes that end a word, one per merge, then start and end of text. The end has the largest id, which
is how the text tower finds it.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import ftfy

from models.parts.problems import BadInput

END_OF_WORD = "</w>"
_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
_SPACES = re.compile(r"\s+")
_SPECIAL = 2
_BASE = 512


@lru_cache(maxsize=1)
def byte_symbols() -> tuple[str, ...]:
    """The visible character that stands for each byte 0..255: Latin-1's printable ones as themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return tuple(chr(byte) if byte in set(printable) else chr(next(spare)) for byte in range(256))


def _base_symbols() -> list[str]:
    """The order of CLIP's vocabulary: printable bytes first, then the others."""
    symbols = byte_symbols()
    own = [symbol for byte, symbol in enumerate(symbols) if symbol == chr(byte)]
    return own + [symbol for byte, symbol in enumerate(symbols) if symbol != chr(byte)]


def cleaned(text: str) -> str:
    """Broken encodings mended, HTML entities resolved twice, spaces collapsed, lower case."""
    mended = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    return _SPACES.sub(" ", mended).strip().lower()


def words(text: str) -> list[str]:
    """``text`` cut where no merge may cross: contractions, runs of letters, single digits, runs of other signs."""
    found: list[str] = []
    place = 0
    while place < len(text):
        kind = _kind(text[place])
        if kind == "space":
            place += 1
            continue
        end = place + 1
        short = next((c for c in _CONTRACTIONS if text.startswith(c, place)), None)
        if short is not None:
            end = place + len(short)
        elif kind != "digit":
            while end < len(text) and _kind(text[end]) == kind:
                end += 1
        found.append(text[place:end])
        place = end
    return found


def _kind(char: str) -> str:
    if char.isspace():
        return "space"
    group = unicodedata.category(char)[0]
    return {"L": "letter", "N": "digit"}.get(group, "sign")


class BytePairs:
    """A tokeniser made of its merges, in the order of their rank."""

    def __init__(self, merges: Sequence[tuple[str, str]]) -> None:
        base = _base_symbols()
        symbols = [*base, *(symbol + END_OF_WORD for symbol in base), *(a + b for a, b in merges)]
        self.merges = tuple(merges)
        self._ids = {symbol: place for place, symbol in enumerate(symbols)}
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._known: dict[str, tuple[int, ...]] = {}
        self.start = len(symbols)
        self.end = self.start + 1

    @property
    def size(self) -> int:
        """Number of ids, start and end of text included."""
        return self.end + 1

    def encode(self, text: str) -> list[int]:
        """The ids of ``text`` between start and end of text. Special tokens written in the text are plain text."""
        ids = [self.start]
        for word in words(cleaned(text)):
            ids.extend(self._word(word))
        return [*ids, self.end]

    def _word(self, word: str) -> tuple[int, ...]:
        if word not in self._known:
            if len(self._known) > 20_000:
                self._known.clear()
            self._known[word] = tuple(self._ids[part] for part in self._merged(word))
        return self._known[word]

    def _merged(self, word: str) -> list[str]:
        parts = _letters(word)
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            parts = _joined(parts, best)
        return parts

    def save(self, file: Path) -> None:
        """Writes the merges as JSON."""
        file.write_text(json.dumps({"merges": [" ".join(pair) for pair in self.merges]}, ensure_ascii=False, indent=0))

    @classmethod
    def load(cls, file: Path) -> BytePairs:
        """Reads what ``save`` wrote; raises BadInput for anything else."""
        try:
            merges = [tuple(line.split(" ")) for line in json.loads(file.read_text(encoding="utf-8"))["merges"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(file.name, "is not a list of merges", "Train the tokeniser again") from error
        if not all(len(pair) == 2 for pair in merges):
            raise BadInput(file.name, "has a merge that is not a pair", "Train the tokeniser again")
        return cls([(pair[0], pair[1]) for pair in merges])


def _letters(word: str) -> list[str]:
    symbols = byte_symbols()
    parts = [symbols[byte] for byte in word.encode("utf-8", "replace")]
    parts[-1] += END_OF_WORD
    return parts


def _joined(parts: Sequence[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    place = 0
    while place < len(parts):
        if place + 1 < len(parts) and (parts[place], parts[place + 1]) == pair:
            joined.append(parts[place] + parts[place + 1])
            place += 2
        else:
            joined.append(parts[place])
            place += 1
    return joined


def train_bpe(texts: Iterable[str], size: int) -> BytePairs:
    """A tokeniser of at most ``size`` ids whose merges are the most frequent pairs of ``texts``.

    Equal counts are decided by the alphabet, so the same texts in any order give the same tokeniser. Fewer ids result
    when the texts run out of pairs. Raises BadInput when ``size`` leaves no room for the 512 byte symbols.
    """
    if size < _BASE + _SPECIAL:
        raise BadInput("The vocabulary", f"of {size} ids is too small", f"Give at least {_BASE + _SPECIAL}")
    counts = Counter(word for text in texts for word in words(cleaned(text)))
    spelled = {word: _letters(word) for word in counts}
    merges: list[tuple[str, str]] = []
    while len(merges) < size - _BASE - _SPECIAL:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in spelled.items():
            for pair in pairwise(parts):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = {word: _joined(parts, best) if best[0] in parts else parts for word, parts in spelled.items()}
    return BytePairs(merges)
