"""Pickles that want more than tensors do not pass the checkpoint door and do not run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from app.guard import BadInput


def as_zip(path: Path, payload: bytes, extra: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> Path:
    """A zip laid out as torch.save does, with `payload` as its pickle."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", payload)
        archive.writestr("archive/version", b"3\n")
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return path


class Evil:
    """Pickles as a call of `function(*arguments)`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def payloads(fired: Path) -> dict[str, tuple[bytes, str]]:
    """Ways to run `touch fired`, and the name each must be refused with."""
    command = f"touch {fired}"
    word = command.encode()
    text = struct.pack("<I", len(word)) + word
    system = os.system.__module__.encode()

    def short(value: bytes) -> bytes:
        return b"\x8c" + bytes([len(value)]) + value

    return {
        "reduce, protocol 2": (pickle.dumps(Evil(os.system, command), 2), f"{os.name}.system"),
        "reduce, protocol 4": (pickle.dumps(Evil(os.system, command), 4), f"{os.name}.system"),
        "reduce, protocol 0": (pickle.dumps(Evil(os.system, command), 0), f"{os.name}.system"),
        "eval": (pickle.dumps(Evil(eval, f"__import__('os').system({command!r})"), 2), "__builtin__.eval"),
        "inst": (b"(S'" + word + b"'\nios\nsystem\n.", "os.system"),
        "obj": (b"(cos\nsystem\nS'" + word + b"'\no.", "os.system"),
        "newobj": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "creates objects by class"),
        "memo": (
            b"\x80\x04" + short(b"os") + b"\x940" + short(b"system") + b"\x940h\x00h\x01\x93X" + text + b"\x85R.",
            "os.system",
        ),
        "put and get": (b"\x80\x02U\x06systemq\x050U\x02osq\x060h\x06h\x05\x93X" + text + b"\x85R.", "os.system"),
        "popped decoy": (
            b"\x80\x04"
            + short(b"torch")
            + short(b"Size")
            + b"00"
            + short(b"os")
            + short(b"system")
            + b"\x93X"
            + text
            + b"\x85R.",
            "os.system",
        ),
        "computed name": (
            b"\x80\x04ccollections\nOrderedDict\n)R" + short(b"system") + b"\x93X" + text + b"\x85R.",
            "a global whose name it computes",
        ),
        "dotted attribute": (
            b"\x80\x04" + short(b"torch._utils") + short(b"sys.modules") + b"\x93.",
            "torch._utils.sys.modules",
        ),
        "space in module": (b"\x80\x02ctorch Size\nx\n.", "torch.Size.x"),
        "extension": (b"\x80\x02\x82\x01.", "extension registry"),
        "text persistent id": (b"Phello\n.", "outside objects"),
        "nested loader": (
            b"\x80\x02ctorch.storage\n_load_from_bytes\nU\x03abc\x85R.",
            "torch.storage._load_from_bytes",
        ),
        "inside a table": (
            pickle.dumps({"state_dict": OrderedDict(a=1), "x": Evil(os.system, command)}, 2),
            f"{system.decode()}.system",
        ),
    }


KEYS = sorted(payloads(Path("fired")))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", ["zip", "bare", "legacy"])
def test_pickle_that_runs_code_is_refused_by_name_and_nothing_ran(
    tmp_path: Path, door: Any, fired: Path, key: str, form: str
) -> None:
    payload, wanted = payloads(fired)[key]
    path = tmp_path / "weights.pth"
    if form == "zip":
        as_zip(path, payload)
    elif form == "bare":
        path.write_bytes(payload)
    else:
        path.write_bytes(
            pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + payload
        )
    with pytest.raises(BadInput) as caught:
        door(path)
    assert wanted in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert not fired.exists()


def test_payloads_of_this_test_do_run_where_nothing_guards(fired: Path) -> None:
    for key in ("memo", "inst", "obj", "put and get", "popped decoy"):
        pickle.loads(payloads(fired)[key][0])
        assert fired.exists(), key
        fired.unlink()


@pytest.mark.parametrize(
    "name", ["archive/other.pkl", "archive/sub/data.pkl", "second/data.pkl", "archive/code/model.py"]
)
def test_second_pickle_or_code_inside_the_zip_is_refused(tmp_path: Path, door: Any, fired: Path, name: str) -> None:
    good = pickle.dumps(OrderedDict(), 2)
    bad = pickle.dumps(Evil(os.system, f"touch {fired}"), 2)
    with pytest.raises(BadInput):
        door(as_zip(tmp_path / "w.pth", good, {name: bad}))
    assert not fired.exists()


def test_pickle_behind_the_first_stop_is_refused(tmp_path: Path, door: Any, fired: Path) -> None:
    hidden = pickle.dumps(OrderedDict(), 2) + pickle.dumps(Evil(os.system, f"touch {fired}"), 2)
    with pytest.raises(BadInput, match="hidden behind"):
        door(as_zip(tmp_path / "w.pth", hidden))


def test_two_directories_in_one_file_are_refused(tmp_path: Path, door: Any) -> None:
    path = as_zip(tmp_path / "w.pth", pickle.dumps(OrderedDict(), 2))
    data = path.read_bytes()
    path.write_bytes(data[:-2] + struct.pack("<H", 22) + data[-22:])
    with pytest.raises(BadInput):
        door(path)
    path.write_bytes(b"prefix" + data)
    with pytest.raises(BadInput):
        door(path)


def test_compressed_zip_bomb_is_refused(tmp_path: Path, door: Any) -> None:
    zeros = {"archive/data/0": bytes(50_000_000)}
    path = as_zip(tmp_path / "w.pth", pickle.dumps(OrderedDict(), 2), zeros, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match="limit"):
        door(path)


def test_torchscript_is_named(tmp_path: Path, door: Any) -> None:
    path = as_zip(tmp_path / "w.pt", pickle.dumps(OrderedDict(), 2), {"archive/constants.pkl": b"\x80\x02)."})
    with pytest.raises(BadInput, match="TorchScript"):
        door(path)


def test_whole_module_is_refused_by_its_class(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "w.pth"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(BadInput, match=r"torch\.nn\.modules\.linear\.Linear"):
        door(path)


def legacy_with(path: Path, table: dict[str, Any], change: Any) -> Path:
    buffer = io.BytesIO()
    torch.save(table, buffer, _use_new_zipfile_serialization=False)
    path.write_bytes(change(buffer.getvalue()))
    return path


def test_storage_that_announces_terabytes_is_refused_before_allocating(tmp_path: Path, door: Any) -> None:
    huge = struct.pack("<i", 2**31 - 1)
    path = legacy_with(tmp_path / "w.pth", {"a": torch.zeros(4242)}, lambda d: d.replace(b"M\x92\x10", b"J" + huge))
    with pytest.raises(BadInput, match="announces more numbers"):
        door(path)


def test_tensor_that_repeats_its_data_is_refused(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "w.pth"
    torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 20)}, path)
    with pytest.raises(BadInput, match="more elements than it has data"):
        door(path)
