"""From an inspected pickle to safetensors: the only place where torch opens a pickle, with `weights_only`."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.guard.errors import BadInput
from app.guard.pickles import SETTINGS_CLASSES

if TYPE_CHECKING:
    import torch

    from app.guard.checkpoints import CheckpointLimits

# Where training code puts the weights, most specific first.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "module", "net", "network", "params_ema", "params", "weights")
_DEEPEST = 6
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    ImportError,
)


def rewrite(source: Path, target: Path, name: str, limits: CheckpointLimits) -> None:
    """Writes the tensors of `source` to `target` as safetensors; `target` appears whole or not at all.

    Raises BadInput when torch's own check refuses the file, or when it holds no weights.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        content = _loaded(source)
    except _UNREADABLE as error:
        raise BadInput(name, "is not readable as weights", "Export its state dict again with torch.save") from error
    tensors = flattened(content, name, limits)
    ready, seen = {}, set()
    for key, tensor in tensors.items():
        # safetensors stores each tensor by itself: views of one storage (tied weights) become copies.
        own = tensor.untyped_storage().data_ptr()
        whole = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        plain = tensor if whole and own not in seen else torch.clone(tensor, memory_format=torch.contiguous_format)
        seen.add(own)
        ready[key] = plain
    handle, part = tempfile.mkstemp(dir=target.parent, prefix=".part-", suffix=".safetensors")
    os.close(handle)
    try:
        save_file(ready, part, metadata={"format": "pt", "digest_of_source": target.stem})
        os.replace(part, target)
    except (OSError, SafetensorError) as error:
        raise BadInput("The cache folder", "cannot hold the converted weights", "Free some disk space") from error
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(name, "holds a number format that safetensors does not have", "Convert it to float") from error
    finally:
        Path(part).unlink(missing_ok=True)


class _Settings:
    """Stands in for a class of settings: making one makes a plain table, whatever it was to be made with."""

    def __new__(cls, *_: Any) -> OrderedDict[str, Any]:  # type: ignore[misc]
        return OrderedDict()


def _loaded(source: Path) -> Any:
    """torch's restricted reader. Only the zip form can be memory-mapped."""
    import torch

    torch.serialization.add_safe_globals([(_Settings, name.replace(" ", ".")) for name in SETTINGS_CLASSES])
    with source.open("rb") as file:
        mapped = file.read(2) == b"PK"
    return torch.load(str(source), map_location="cpu", weights_only=True, mmap=mapped)


def flattened(content: Any, name: str, limits: CheckpointLimits) -> dict[str, torch.Tensor]:
    """{dotted name: tensor} of a loaded checkpoint: wrappers removed, nested tables joined by ".", the rest left out.

    Raises BadInput for no tensors, too many, tensors that announce more than the file holds, and names that collide.
    """
    found: dict[str, torch.Tensor] = {}
    budget = [limits.max_tensors]
    _collect(_unwrapped(content), "", 0, found, budget, name)
    if not found:
        raise BadInput(name, "holds no weights", "Choose a checkpoint with a state dict in it")
    total = sum(tensor.numel() * tensor.element_size() for tensor in found.values())
    if total > limits.max_bytes:
        raise BadInput(name, "unfolds into more bytes than the limit", "Export only the weights")
    return found


def _unwrapped(content: Any) -> Any:
    """The innermost table of weights: follows the usual wrappers as long as a table has no tensors of its own."""
    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping) or any(_is_tensor(value) for value in content.values()):
            return content
        inner = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            return content
        content = inner
    return content


def _collect(
    content: Any, prefix: str, depth: int, found: dict[str, torch.Tensor], budget: list[int], name: str
) -> None:
    if not isinstance(content, Mapping) or depth > _DEEPEST:
        return
    for key, value in content.items():
        # One table may stand in many places of another: the budget bounds visits, not only results.
        budget[0] -= 1
        if budget[0] < 0:
            raise BadInput(name, "holds too many entries", "Export only the weights")
        label = f"{prefix}{key}"
        if isinstance(value, Mapping):
            _collect(value, f"{label}.", depth + 1, found, budget, name)
        elif _is_tensor(value):
            if label in found:
                raise BadInput(name, f"holds two tensors called {label[:60]!a}", "Export only the weights")
            found[label] = _dense(value, label, name)


def _dense(tensor: torch.Tensor, label: str, name: str) -> torch.Tensor:
    """`tensor` without its graph; one that repeats its data (stride 0) could unfold into terabytes and is refused."""
    import torch

    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        raise BadInput(name, f"holds {label[:60]!a}, which is not a plain tensor", "Export dense weights")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise BadInput(name, f"gives {label[:60]!a} more elements than it has data", "Export it contiguous")
    return tensor.detach()


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)
