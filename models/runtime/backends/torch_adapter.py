"""Loads torch modules fast: built on the meta device, weights memory-mapped and assigned, strictly checked.

Imported only when a job runs, so that the app starts without torch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from models.runtime.errors import WrongCheckpoint
from models.runtime.types import Loaded

log = logging.getLogger(__name__)
SHOWN_KEYS = 8


def load_module(
    build: Callable[[], nn.Module],
    file: Path,
    device: str,
    dtype: torch.dtype | None = None,
    finish: Callable[[nn.Module], None] | None = None,
    rename: Callable[[str], str | None] | None = None,
) -> nn.Module:
    """The module `build` makes, with the weights of `file`, in eval mode and without gradients.

    build: constructs the module; called on the meta device, so that no weight is initialised in vain.
    file: safetensors. On "cpu" the tensors are private copy-on-write views of the mapped file, which must stay there.
    dtype: of all floating tensors; None keeps what the module was built with.
    finish: called with the loaded module to rebuild what its constructor computed (buffers outside the state dict).
    Without it such buffers are taken from a second, weightless construction.
    rename: maps a key of the file to a key of the module; None drops it.

    Raises WrongCheckpoint naming missing, unexpected and wrongly shaped keys, or a file that is no safetensors.
    """
    module = skeleton(build)
    expected = module.state_dict()
    with _opened(file) as weights:
        sources = _sources(weights.keys(), rename, file)
        aliases = _aliases(module)
        _fill_tied(sources, expected, aliases)
        _check(file, sources, expected, weights)
        state = {name: _read(weights, key, device, dtype or expected[name].dtype, expected[name])
                 for name, key in sources.items()}
    module.load_state_dict(state, strict=True, assign=True)
    if finish is not None:
        finish(module)
    _restore_computed(module, build, device, dtype)
    return module.eval().requires_grad_(False)


def load_as_resource(
    build: Callable[[], nn.Module], file: Path, device: str, dtype: torch.dtype | None = None,
    finish: Callable[[nn.Module], None] | None = None, rename: Callable[[str], str | None] | None = None,
) -> Loaded:
    """`load_module` for the cache: with its bytes, and a release that drops the tensors even from stray references."""
    module = load_module(build, file, device, dtype, finish, rename)

    def release() -> None:
        module.to("meta")

    return Loaded(module, module_bytes(module), release)


def module_bytes(module: nn.Module) -> int:
    """Bytes of all parameters and buffers, shared storage counted once."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum({t.untyped_storage().data_ptr(): t.numel() * t.element_size() for t in tensors}.values())


def skeleton(build: Callable[[], nn.Module]) -> nn.Module:
    """The module without weights. Constructors that need real numbers (`.item()`, numpy) get real buffers."""
    try:
        with torch.device("meta"):
            return build()
    except (NotImplementedError, RuntimeError, TypeError) as problem:
        log.info("construction on the meta device failed (%s); keeping buffers real", problem)
        return _weightless(build)


_weightless_here = threading.local()
_hook_lock = threading.Lock()
_hook_installed = False


def _weightless(build: Callable[[], nn.Module]) -> nn.Module:
    """Construct with parameters on the meta device and everything else real: initialisers cost nothing."""
    global _hook_installed
    with _hook_lock:
        if not _hook_installed:
            register_module_parameter_registration_hook(_parameter_to_meta)
            _hook_installed = True
    _weightless_here.active = True
    try:
        return build()
    finally:
        _weightless_here.active = False


def _parameter_to_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
    # Per thread, so that modules other threads build meanwhile keep their weights.
    if parameter is None or not getattr(_weightless_here, "active", False):
        return None
    return nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        with safe_open(file, framework="pt") as weights:
            yield weights
    except FileNotFoundError:
        raise WrongCheckpoint(f"There is no weights file at {file}. Give the path of a .safetensors file.") from None
    except SafetensorError as problem:
        raise WrongCheckpoint(
            f"{file.name} is not a readable safetensors file ({problem}). Download it again, or convert it first."
        ) from None


def _sources(keys: list[str], rename: Callable[[str], str | None] | None, file: Path) -> dict[str, str]:
    """Module key -> file key."""
    sources: dict[str, str] = {}
    for key in keys:
        name = rename(key) if rename is not None else key
        if name is None:
            continue
        if name in sources:
            raise WrongCheckpoint(f"{file.name}: '{sources[name]}' and '{key}' both map to '{name}'.")
        sources[name] = key
    return sources


def _aliases(module: nn.Module) -> list[list[str]]:
    """Names that share one parameter (tied weights); files keep only one of them."""
    groups: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def _fill_tied(sources: dict[str, str], expected: Mapping[str, Any], aliases: list[list[str]]) -> None:
    for names in aliases:
        present = next((sources[name] for name in names if name in sources), None)
        if present is not None:
            for name in names:
                if name in expected:
                    sources.setdefault(name, present)


def _check(file: Path, sources: Mapping[str, str], expected: Mapping[str, torch.Tensor], weights: Any) -> None:
    missing = tuple(name for name in expected if name not in sources)
    unexpected = tuple(name for name in sources if name not in expected)
    wrong = []
    for name, key in sources.items():
        if name in expected:
            shape = tuple(weights.get_slice(key).get_shape())
            if shape != tuple(expected[name].shape):
                wrong.append(f"{name}: file {shape}, module {tuple(expected[name].shape)}")
    if not (missing or unexpected or wrong):
        return
    parts = [f"{title}: {_listed(names)}" for title, names in
             (("missing", missing), ("unexpected", unexpected), ("wrong shape", tuple(wrong))) if names]
    raise WrongCheckpoint(
        f"{file.name} does not belong to this model. " + "; ".join(parts)
        + ". Choose the checkpoint that fits this model and size.",
        missing, unexpected, tuple(wrong),
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN_KEYS} more" if len(names) > SHOWN_KEYS else ""
    return f"{len(names)} ({', '.join(names[:SHOWN_KEYS])}{more})"


def _read(weights: Any, key: str, device: str, dtype: torch.dtype, expected: torch.Tensor) -> torch.Tensor:
    tensor: torch.Tensor = weights.get_tensor(key)
    target = dtype if expected.is_floating_point() else expected.dtype
    return tensor.to(device=device, dtype=target)


def _restore_computed(module: nn.Module, build: Callable[[], nn.Module], device: str,
                      dtype: torch.dtype | None) -> None:
    """Replace tensors that are in no state dict and were lost on the meta device, and move the others along."""
    lost = [place for place in _computed(module) if place[2].is_meta]
    if lost:
        reference = {(path, name): tensor for path, name, tensor in _computed(_weightless(build))}
        for path, name, _ in lost:
            source = reference.get((path, name))
            if source is None or source.is_meta:
                raise WrongCheckpoint(
                    f"'{path}.{name}' is neither in the weights file nor rebuilt by the constructor. "
                    "Pass finish= to load_module to compute it."
                )
            _place(module.get_submodule(path), name, source)
    for path, name, tensor in _computed(module):
        target = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
        if tensor.device != torch.device(device) or tensor.dtype != target:
            _place(module.get_submodule(path), name, tensor.to(device=device, dtype=target))


def _computed(module: nn.Module) -> Iterator[tuple[str, str, torch.Tensor]]:
    """(module path, attribute, tensor) of non-persistent buffers and plain tensor attributes."""
    for path, part in module.named_modules():
        for name in part._non_persistent_buffers_set:
            buffer = part._buffers.get(name)
            if buffer is not None:
                yield path, name, buffer
        for name, value in list(vars(part).items()):
            if isinstance(value, torch.Tensor):
                yield path, name, value


def _place(part: nn.Module, name: str, tensor: torch.Tensor) -> None:
    if name in part._buffers:
        part._buffers[name] = tensor
    else:
        part.__dict__[name] = tensor
