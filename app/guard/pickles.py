"""Reads what a pickle would do without doing it.

A pickle is a programme for a small stack machine. The walk below follows its instructions with inert values: strings
and numbers as themselves, globals as their names, everything else as unknown. A global outside the list, or an
instruction that weights never need, refuses the file; nothing is imported, called or built.
"""

from __future__ import annotations

import itertools
import pickletools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn, cast

from app.guard.errors import BadInput

_ELEMENT_BYTES = {
    **dict.fromkeys(("ComplexDouble",), 16),
    **dict.fromkeys(("Double", "Long", "ComplexFloat"), 8),
    **dict.fromkeys(("Float", "Int"), 4),
    **dict.fromkeys(("Half", "BFloat16", "Short"), 2),
    **dict.fromkeys(("Char", "Byte", "Bool"), 1),
}
_STORAGES = {f"torch {kind}Storage": width for kind, width in _ELEMENT_BYTES.items()} | {
    "torch.storage UntypedStorage": 1
}
_DTYPES = (
    *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128"),
)

SETTINGS_CLASSES = frozenset({"yacs.config CfgNode"})
"""Tables of settings that authors leave beside their weights; read as plain tables, their own code is never run."""

ALLOWED_GLOBALS = frozenset(
    {
        *SETTINGS_CLASSES,
        "__builtin__ set",
        "builtins set",
        "collections OrderedDict",
        "torch Size",
        "torch device",
        "torch._utils _rebuild_parameter",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_tensor_v2",
        *_STORAGES,
        *(f"torch {dtype}" for dtype in _DTYPES),
    }
)
"""What a file of weights refers to: containers, tensor rebuilding, storages and number formats."""

_REFUSED = {
    "INST": "creates objects by name",
    "OBJ": "creates objects by name",
    "NEWOBJ_EX": "creates objects by class",
    "EXT1": "refers to Python's extension registry",
    "EXT2": "refers to Python's extension registry",
    "EXT4": "refers to Python's extension registry",
    "PERSID": "refers to outside objects by text",
    "NEXT_BUFFER": "expects buffers from outside",
    "READONLY_BUFFER": "expects buffers from outside",
}
_BROKEN = (ValueError, IndexError, KeyError, EOFError, OverflowError, MemoryError, struct.error, TypeError)
_REMEDY = (
    "Loading it could run code: convert it where you trust it (torch.load, then safetensors.torch.save_file of its "
    "state dict) and give the safetensors file"
)


@dataclass(frozen=True)
class Global:
    """A name the pickle asks for, as "module attribute"."""

    name: str


_MARK = object()
_UNKNOWN = object()


class _Bounded:
    """A file that never promises more than it has, so that a length written in a pickle cannot make us allocate."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end

    def read(self, count: int) -> bytes:
        if count > self._end - self._file.tell():
            raise ValueError("a length points past the end")
        return self._file.read(count)

    def readline(self) -> bytes:
        return self._file.readline(min(10_000, self._end - self._file.tell()))

    def tell(self) -> int:
        return self._file.tell()


def is_pickle(path: Path, max_steps: int) -> bool:
    """True when the file begins with instructions up to a STOP: the oldest pickles have no magic number."""
    with path.open("rb") as file:
        bounded = _Bounded(file, path.stat().st_size)
        try:
            steps = sum(1 for _ in itertools.islice(pickletools.genops(cast(IO[bytes], bounded)), max_steps))
        except _BROKEN:
            return False
    return 0 < steps < max_steps


def check_pickle(file: BinaryIO, end: int, name: str, *, max_steps: int, max_storage: int) -> Any:
    """Walks one pickle from the file's position to its STOP; returns its top value when that is a plain str or int.

    end: offset behind the last byte the pickle may use; max_storage: bytes all its storages together may announce.
    Raises BadInput, with the name of the global or the kind of instruction, for anything weights do not need.
    """
    walk = _Walk(name, max_storage)
    try:
        for step, (operation, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], _Bounded(file, end)))):
            if step >= max_steps:
                raise BadInput(name, f"has more than {max_steps:,} instructions", "Export only the weights")
            walk.advance(operation, argument)
    except BadInput:
        raise
    except _BROKEN as error:
        raise BadInput(name, "is a damaged or cut-off pickle", "Download or export the checkpoint again") from error
    return walk.stack[-1] if walk.stack else None


class _Walk:
    """The stack machine with inert values. IndexError and KeyError mean that the pickle takes what it never put."""

    def __init__(self, name: str, max_storage: int) -> None:
        self.name = name
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storage_left = max_storage
        self.storages: set[Any] = set()

    def advance(self, operation: pickletools.OpcodeInfo, argument: Any) -> None:
        """One instruction."""
        kind, stack = operation.name, self.stack
        if kind in _REFUSED:
            wanted = f" and asks for {_dotted(argument)}" if kind == "INST" else ""
            raise BadInput(self.name, f"{_REFUSED[kind]}{wanted}, which weights never need", _REMEDY)
        if kind == "GLOBAL":
            stack.append(self._allowed(argument))
        elif kind == "STACK_GLOBAL":
            attribute, module = self._pop(), self._pop()
            if not isinstance(attribute, str) or not isinstance(module, str):
                raise BadInput(self.name, "asks for a global whose name it computes", _REMEDY)
            stack.append(self._allowed(f"{module} {attribute}"))
        elif kind == "NEWOBJ":
            _, wanted = self._pop(), self._pop()
            if not isinstance(wanted, Global) or wanted.name not in SETTINGS_CLASSES:
                raise BadInput(self.name, "creates objects by class, which weights never need", _REMEDY)
            stack.append(_UNKNOWN)
        elif kind == "BINPERSID":
            self._check_storage(self._pop())
            stack.append(_UNKNOWN)
        elif kind in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self.memo[int(argument)])
        elif kind in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self._top()
        elif kind == "MEMOIZE":
            self.memo[len(self.memo)] = self._top()
        elif kind == "DUP":
            stack.append(self._top())
        elif kind == "MARK":
            stack.append(_MARK)
        elif kind != "STOP":
            self._general(operation, argument)

    def _general(self, operation: pickletools.OpcodeInfo, argument: Any) -> None:
        """Any other instruction, by the stack effect Python's own table gives for it."""
        before, after = operation.stack_before, operation.stack_after
        taken: list[Any] = []
        below = len(before)
        if pickletools.markobject in before:
            while (value := self.stack.pop()) is not _MARK:
                taken.append(value)
            below = before.index(pickletools.markobject)
        taken.extend(self._pop() for _ in range(below))
        if operation.name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"):
            self.stack.append(tuple(reversed(taken)))
        elif after and not before and isinstance(argument, str | int):
            self.stack.append(argument)
        else:
            self.stack.extend(_UNKNOWN for _ in after)

    def _top(self) -> Any:
        if self.stack[-1] is _MARK:
            raise IndexError("a mark where a value should be")
        return self.stack[-1]

    def _pop(self) -> Any:
        self._top()
        return self.stack.pop()

    def _allowed(self, wanted: str) -> Global:
        if wanted not in ALLOWED_GLOBALS:
            raise BadInput(self.name, f"asks for {_dotted(wanted)}, which is not part of any tensor", _REMEDY)
        return Global(wanted)

    def _check_storage(self, value: Any) -> None:
        """A persistent id must be torch's ("storage", type, key, location, elements, ...), within the bytes given."""
        if not isinstance(value, tuple) or len(value) < 5 or value[0] != "storage":
            self._no_storage()
        kind, key, elements = value[1], value[2], value[4]
        width = _STORAGES.get(kind.name) if isinstance(kind, Global) else None
        if width is None or not isinstance(key, str) or type(elements) is not int or elements < 0:
            self._no_storage()
        if key in self.storages:
            return
        self.storages.add(key)
        self.storage_left -= elements * width
        if self.storage_left < 0:
            raise BadInput(self.name, "announces more numbers than the file has", "Download or export it again")

    def _no_storage(self) -> NoReturn:
        raise BadInput(self.name, "refers to outside objects that are no tensor storage", _REMEDY)


def _dotted(name: Any) -> str:
    """ "os system" as os.system, printable and short."""
    return ascii(str(name).replace(" ", ".")[:80]).strip("'")
