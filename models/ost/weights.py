"""Which model answers: the embedded one, CLIP, or the authors' OST; with its tokeniser, as a shared resource."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from models.ost import METHOD, official
from models.parts.bpe import BytePairs
from models.parts.clip import ClipLike
from models.parts.clip_tokens import CLIP_VOCABULARY, clip_tokeniser
from models.parts.digests import file_digest
from models.parts.problems import BadInput
from models.runtime import Loaded, ResourceSpec, WrongCheckpoint
from models.runtime.backends.torch_adapter import module_bytes

TOKENS_FILE = "bpe.json"
"""The embedded model's tokeniser, beside its weights."""
BASE_FILE = "mini_stage1.safetensors"
"""The embedded model before stage 2, for the mixing slider; need not be there."""
DOMAIN_FILE = "mini_domain.json"
"""{"least_cosine": x}: rendered clips whose best cosine is below x are rare (5 in 100); need not be there."""


@dataclass(frozen=True)
class Recogniser:
    """A loaded model with what belongs to it. ``least_cosine``: below it a clip is unlike the training clips; None when
    that was not measured."""

    model: ClipLike
    tokeniser: BytePairs
    least_cosine: float | None = None


def weights_digest(file: Path) -> str:
    """The first 16 hex digits of the file's SHA-256, read once a version. Raises WrongCheckpoint when it is missing."""
    try:
        return file_digest(file)
    except OSError as problem:
        raise WrongCheckpoint(
            f"There is no weights file {file.name}. Give the path of a .safetensors file."
        ) from problem


def weights_file(path: str | None = None) -> Path:
    """The safetensors file of the embedded model, or ``path`` when the user gave one."""
    return Path(path) if path is not None else METHOD.weights_folder / (METHOD.checkpoint("mini").file or "")


def model_resource(path: str | None = None, zero_shot: str | None = None, ratio: float = 0.0) -> ResourceSpec:
    """The model for ``Job.model``.

    path: a file that has passed the checkpoint door, None for the embedded model. zero_shot: weights of which ``ratio``
    is mixed in; None with the embedded model takes its own first stage. Raises WrongCheckpoint and BadInput.
    """
    file = weights_file(path)
    if not 0 <= ratio <= 1:
        raise BadInput("The mixing ratio", f"is {ratio:g}", "Give a number from 0 to 1")
    base = _base(path, zero_shot) if ratio > 0 else None
    report = official.inspect(file)
    key = f"ost/{weights_digest(file)}"
    if base is not None:
        key += f"+{ratio:g}*{weights_digest(base)}"

    def load(device: str) -> Loaded:
        model = official.load(file, device, base, ratio)
        return Loaded(Recogniser(model, tokeniser_for(model, file), _least_cosine(file)), module_bytes(model))

    return ResourceSpec(key, load, 4 * _numbers(file), label=f"OST {report.config.name}")


def tokeniser_for(model: ClipLike, file: Path) -> BytePairs:
    """CLIP's tokeniser for CLIP's vocabulary, else the one beside the weights. Raises WrongCheckpoint."""
    size = model.config.vocabulary
    tokeniser = clip_tokeniser() if size == CLIP_VOCABULARY else BytePairs.load(file.with_name(TOKENS_FILE))
    if tokeniser.size > size:
        raise WrongCheckpoint(f"{file.name} reads {size:,} tokens and its tokeniser has {tokeniser.size:,}.")
    return tokeniser


def _base(path: str | None, zero_shot: str | None) -> Path:
    if zero_shot is not None:
        return Path(zero_shot)
    if path is None and (own := METHOD.weights_folder / BASE_FILE).is_file():
        return own
    raise BadInput("The mixing ratio", "needs weights to mix in", "Choose CLIP's weights too, or set the ratio to 0")


def _least_cosine(file: Path) -> float | None:
    note = file.with_name(DOMAIN_FILE)
    if file != weights_file() or not note.is_file():
        return None
    return float(json.loads(note.read_text(encoding="utf-8"))["least_cosine"])


def _numbers(file: Path) -> int:
    """Parameters, estimated from the file's size; embedded weights are stored in half precision."""
    return file.stat().st_size // (2 if file == weights_file() else 4)
