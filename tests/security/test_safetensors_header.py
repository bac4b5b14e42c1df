"""Faults in a safetensors file are found before any tensor is read."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch as safetensors_torch

from app.guard import BadInput


def st_file(header: Any, body: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + body


def entry(begin: int, end: int, shape: Any = None, dtype: Any = "U8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (st_file({"a": entry(0, 4)}, b"1234", length=10**11), "announces a header"),
        (st_file({"a": entry(0, 4)}, b"1234", length=1000), "cut off inside its header"),
        (st_file({"a": entry(0, 4)}, b"123"), "1 bytes of its tensors are missing"),
        (st_file({"a": entry(0, 4)}, b"12345"), "unexplained bytes at its end"),
        (st_file({"a": entry(0, 4), "b": entry(2, 6)}, b"123456"), "overlap"),
        (st_file({"a": entry(0, 2), "b": entry(4, 6)}, b"123456"), "between its tensors"),
        (st_file({"a": entry(0, 4, [5])}, b"1234"), "its shape"),
        (st_file({"a": entry(0, 4, [2**61, 2**61])}, b"1234"), "its shape"),
        (st_file({"a": entry(0, 4, [-4])}, b"1234"), "a shape or a place that is none"),
        (st_file({"a": entry(0, 4, [True, 4])}, b"1234"), "a shape or a place that is none"),
        (st_file({"a": entry(0, 4, [4.0])}, b"1234"), "a shape or a place that is none"),
        (st_file({"a": entry(4, 0, [-4])}, b"1234"), "a shape or a place that is none"),
        (st_file({"a": entry(0, 4, dtype="OBJECT")}, b"1234"), "unknown number format"),
        (st_file({"a": entry(0, 4, dtype=["U8"])}, b"1234"), "unknown number format"),
        (st_file({"a": {**entry(0, 4), "more": 1}}, b"1234"), "unknown way"),
        (st_file({"a": 3}), "unknown way"),
        (st_file({"__metadata__": {"x": 1}, "a": entry(0, 1)}, b"1"), "metadata"),
        (st_file(b'{"a": 1, "a": 2}'), "not valid JSON"),
        (st_file(b'{"a": ' + b"[" * 50_000), "not valid JSON"),
        (st_file(b"{\xff}"), "not valid JSON"),
        (st_file({}), "holds no weights"),
        (st_file({"__metadata__": {"format": "pt"}}), "holds no weights"),
    ],
)
def test_faulty_safetensors_is_refused(tmp_path: Path, door: Any, data: bytes, problem: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=problem):
        door(path)


def test_what_the_door_accepts_the_library_reads(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(
        st_file({"a": entry(2, 6, [1], "F32"), "z": entry(0, 2), "e": entry(6, 6, [0, 9], "F64")}, b"123456")
    )
    assert set(safetensors_torch.load_file(door(path))) == {"a", "z", "e"}
