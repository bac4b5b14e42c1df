"""Reads recorded sets: tensors, sizes and tolerances come from the folder, so a test runs unchanged on another set.

The folder is ``tests/parity/fixtures/<slug>``, or ``$VITRINE_PARITY/<slug>`` when that variable is set.
"""

from __future__ import annotations

import fnmatch
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def folder(slug: str) -> Path:
    """Where the recorded set of one method lies."""
    other = os.environ.get("VITRINE_PARITY")
    return (Path(other) if other else Path(__file__).parent / "fixtures") / slug


@dataclass(frozen=True)
class Recorded:
    """One recorded file with its entry in config.json."""

    path: Path
    entry: dict[str, Any]
    salt: str

    @classmethod
    def open(cls, slug: str, name: str) -> Recorded:
        """Opens ``name``; skips the test by name when the set does not have it."""
        base = folder(slug)
        config = json.loads((base / "config.json").read_text()) if (base / "config.json").exists() else {"files": {}}
        if name not in config["files"] or not (base / name).exists():
            pytest.skip(f"{slug}/{name} is not in {base}")
        return cls(base / name, config["files"][name], config.get("salt", ""))

    def arrays(self) -> dict[str, np.ndarray]:
        """All tensors of an npz file."""
        with np.load(self.path) as file:
            return {name: file[name] for name in file.files}

    def json(self) -> dict[str, Any]:
        """The content of a json file."""
        return json.loads(self.path.read_text())

    def tolerance(self, name: str) -> dict[str, Any]:
        """The terms for one tensor: its exact name first, else the longest matching pattern, else the file's."""
        terms = self.entry["tolerance"]
        special = terms.get("tensors", {})
        if name in special:
            return special[name]
        patterns = [pattern for pattern in special if fnmatch.fnmatchcase(name, pattern)]
        return special[max(patterns, key=len)] if patterns else terms

    def check(self, name: str, got: Any, recorded: np.ndarray, logits: np.ndarray | None = None) -> None:
        """Asserts |got - recorded| <= atol + rtol |recorded|, with the set's own exceptions."""
        terms = self.tolerance(name)
        if terms.get("skip"):
            return
        actual, wanted = np.asarray(got), np.asarray(recorded)
        assert actual.shape == wanted.shape, f"{name}: shape {actual.shape}, recorded {wanted.shape}"
        difference = np.abs(actual.astype(np.float64) - wanted.astype(np.float64))
        far = difference > terms.get("atol", 0.0) + terms.get("rtol", 0.0) * np.abs(wanted.astype(np.float64))
        if "where_abs_logit_above" in terms:
            assert logits is not None, (
                f"{name} is compared only where its logit is larger than a bound: pass the logits"
            )
            far &= np.abs(logits) > terms["where_abs_logit_above"]
        allowed = terms.get("max_fraction_different", 0.0) * far.size
        assert far.sum() <= allowed, (
            f"{name}: {int(far.sum())} of {far.size} values differ, the largest by {difference.max():.3g} ({terms})"
        )


def recipe_weight(salt: str, key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weight-by-formula every set uses (fixtures README, "Weight recipe"); the first rule that matches wins."""
    rng = np.random.default_rng(zlib.crc32((salt + key).encode()))
    noise = rng.standard_normal(shape, dtype=np.float32)
    last = key.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.array(7)
    if last == "running_var":
        return 1 + 0.2 * np.abs(noise)
    if last == "running_mean":
        return 0.1 * noise
    if last == "positional_encoding_gaussian_matrix":
        return noise
    if last == "bias":
        return 0.05 * noise
    if last == "weight" and len(shape) == 1:
        return 1 + 0.1 * noise
    if last == "weight" and len(shape) == 2 and "token" in key and shape[0] <= 4:
        return noise
    if last == "weight" and len(shape) == 2 and shape[0] == 1 and "embed" in key:
        return 0.5 * noise
    if last in ("rel_pos_h", "rel_pos_w") or (last == "pos_embed" and len(shape) == 4):
        return 0.1 * noise
    return noise / np.sqrt(np.prod(shape[1:]))
