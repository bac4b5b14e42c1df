"""The one door for weights that come from elsewhere.

A safetensors file is checked and used as it is. A pickle (`.pth`, `.pt`, `.bin`, `.ckpt`; zip or older form) has its
structure and its instructions checked first, is then read by torch with `weights_only`, and is written once as
safetensors into the cache, under the digest of its content; everything after the door only ever sees safetensors.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

from app.guard.errors import BadInput, readable_bytes, shown_name
from app.guard.pickles import check_pickle, is_pickle
from app.guard.safetensors_header import check_safetensors, looks_like_safetensors
from models.parts import archives

# Raised when the rewriting changes, so that files written by an earlier form are not taken for new ones.
_FORM = "1"
# Where torch's older form begins: a pickle holding this number.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# The older form is five pickles (magic, version, system, object, keys), then the storages.
_LEGACY_PICKLES = 5
_CHUNK = 1 << 22


@dataclass(frozen=True)
class CheckpointLimits:
    """What the door accepts."""

    max_bytes: int = 16_000_000_000
    """Largest file."""
    max_header: int = 25_000_000
    """Largest safetensors header."""
    max_tensors: int = 100_000
    """Most tensors."""
    max_pickle_bytes: int = 32_000_000
    """Largest pickle inside a zip checkpoint, tensors not counted. SAM's largest has 0.1 MB."""
    max_steps: int = 2_000_000
    """Most pickle instructions. SAM's largest checkpoint has about 30,000."""


DEFAULT = CheckpointLimits()
Kind = Literal["safetensors", "zip", "legacy"]


def checkpoint_door(path: str | Path, *, limits: CheckpointLimits = DEFAULT, cache: str | Path | None = None) -> Path:
    """A safetensors file with the weights of `path`: `path` itself, or its rewritten form in the cache folder.

    cache: folder for rewritten files; by default `$VITRINE_CACHE/checkpoints`, else `~/.cache/vitrine/checkpoints`.
    A state dict inside "state_dict", "model", ... is unwrapped, names are otherwise kept.
    Raises BadInput for anything else than weights, naming the global a pickle asked for. Runs no code from the file.
    """
    source = Path(path)
    name = shown_name(source.name, "The checkpoint")
    kind = _kind(source, name, limits)
    if kind == "safetensors":
        check_safetensors(source, name, max_header=limits.max_header, max_tensors=limits.max_tensors)
        return source.resolve()
    before = _identity(source, name)
    inspect(source, kind, name, limits)
    target = _cache_folder(cache) / f"{_digest(source)}-{_FORM}.safetensors"
    if not _usable(target, limits):
        from app.guard.rewrite import rewrite

        rewrite(source, target, name, limits)
        check_safetensors(target, name, max_header=limits.max_header, max_tensors=limits.max_tensors)
    if _identity(source, name) != before:
        target.unlink(missing_ok=True)
        raise BadInput(name, "changed while it was read", "Wait until it is written completely and try again")
    return target


def inspect(source: Path, kind: Kind, name: str, limits: CheckpointLimits = DEFAULT) -> None:
    """Checks structure and pickle instructions of a zip or older checkpoint; raises BadInput, executes nothing."""
    if kind == "zip":
        _inspect_zip(source, name, limits)
    else:
        _inspect_legacy(source, name, limits)


def _kind(source: Path, name: str, limits: CheckpointLimits) -> Kind:
    """Decided by content; the name may only make it stricter."""
    try:
        with source.open("rb") as file:
            start = file.read(16)
            size = file.seek(0, 2)
    except (OSError, ValueError) as error:
        raise BadInput(name, "cannot be read", "Check that the file exists and that you may read it") from error
    if size > limits.max_bytes:
        raise BadInput(name, f"has {readable_bytes(size)}", f"The limit is {readable_bytes(limits.max_bytes)}")
    if looks_like_safetensors(start):
        return "safetensors"
    if source.suffix.lower() == ".safetensors":
        # torch picks its reader by this suffix, so a pickle may not carry it.
        raise BadInput(name, "is not a safetensors file, or it is cut off", "Download or export the checkpoint again")
    if start.startswith(b"PK"):
        return "zip"
    if start[:1] == b"\x80" or is_pickle(source, limits.max_steps):
        return "legacy"
    raise BadInput(
        name, "is not a checkpoint", "Choose a .safetensors file, or a .pth, .pt, .bin or .ckpt that torch wrote"
    )


def _inspect_zip(source: Path, name: str, limits: CheckpointLimits) -> None:
    size = source.stat().st_size
    with source.open("rb") as file:
        _check_plain_end(file, size, name)
        zip_limits = archives.ArchiveLimits(
            max_entries=limits.max_tensors + 100, max_entry_bytes=size, max_total_bytes=size, max_ratio=1.0
        )
        with archives.opened(file, name, zip_limits) as archive:
            entries = archives.checked(archive.infolist(), name, zip_limits)
            if any(info.compress_type != zipfile.ZIP_STORED for _, info in entries):
                raise BadInput(name, "is compressed, which torch's files never are", "Export it again with torch.save")
            pickles = [(safe, info) for safe, info in entries if safe.endswith(".pkl")]
            parts = {safe.split("/", 1)[1] for safe, _ in entries if "/" in safe}
            if "constants.pkl" in parts or any(part.startswith("code/") for part in parts):
                raise BadInput(name, "is a TorchScript programme, not weights", "Export its state dict with torch.save")
            roots = {safe.split("/", 1)[0] for safe, _ in entries}
            if len(roots) != 1 or [safe.split("/", 1)[-1] for safe, _ in pickles] != ["data.pkl"]:
                raise BadInput(
                    name, "is a zip archive, but not one that torch.save wrote", "Choose the checkpoint itself"
                )
            safe, info = pickles[0]
            if info.file_size > limits.max_pickle_bytes:
                raise BadInput(name, f"has a pickle of {readable_bytes(info.file_size)}", "Export only the weights")
            data = archives.content(archive, info, safe, name)
    end = len(data)
    file_in_memory = BytesIO(data)
    check_pickle(file_in_memory, end, name, max_steps=limits.max_steps, max_storage=size)
    if file_in_memory.tell() != end:
        raise BadInput(name, "has bytes hidden behind its pickle", "Download or export the checkpoint again")


def _check_plain_end(file: BinaryIO, size: int, name: str) -> None:
    """Python and torch must find the same directory: no comment behind it, nothing in front of the first entry."""
    file.seek(max(size - 22, 0))
    end = file.read(22)
    file.seek(0)
    if end.rfind(b"PK\x05\x06") != 0 or file.read(4) != b"PK\x03\x04":
        raise BadInput(name, "is a damaged or cut-off zip checkpoint", "Download or export the checkpoint again")
    file.seek(0)


def _inspect_legacy(source: Path, name: str, limits: CheckpointLimits) -> None:
    size = source.stat().st_size
    with source.open("rb") as file:
        for place in range(_LEGACY_PICKLES):
            value = check_pickle(file, size, name, max_steps=limits.max_steps, max_storage=size)
            if place == 0 and value != _LEGACY_MAGIC:
                raise BadInput(name, "is a pickle, but not one that torch.save wrote", "Choose the checkpoint itself")


def _digest(source: Path) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _identity(source: Path, name: str) -> tuple[int, int, int]:
    try:
        state = source.stat()
    except OSError as error:
        raise BadInput(name, "is no longer there", "Choose the checkpoint again") from error
    return state.st_ino, state.st_size, state.st_mtime_ns


def _cache_folder(cache: str | Path | None) -> Path:
    if cache is None:
        base = os.environ.get("VITRINE_CACHE")
        cache = (Path(base) if base else Path.home() / ".cache" / "vitrine") / "checkpoints"
    folder = Path(cache)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput("The cache folder", "cannot be made", "Set VITRINE_CACHE to a folder you may write") from error
    return folder.resolve()


def _usable(target: Path, limits: CheckpointLimits) -> bool:
    """True when an earlier visit left a whole file; a damaged one is written again."""
    if not target.is_file():
        return False
    try:
        check_safetensors(target, target.name, max_header=limits.max_header, max_tensors=limits.max_tensors)
    except BadInput:
        return False
    return True
