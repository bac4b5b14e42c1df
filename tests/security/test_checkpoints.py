"""The checkpoint door: weights pass unchanged, programmes do not pass and do not run."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.guard import BadInput
from app.guard.checkpoints import CheckpointLimits, checkpoint_door

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")


@pytest.fixture
def fired(tmp_path: Path) -> Path:
    """A file that exists only if a payload ran."""
    return tmp_path / "fired"


@pytest.fixture
def door(tmp_path: Path) -> Any:
    return lambda path, **options: checkpoint_door(path, cache=tmp_path / "cache", **options)


def weights() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    table = OrderedDict()
    for name, dtype in (("a.weight", torch.float32), ("b.half", torch.float16), ("c.bf", torch.bfloat16)):
        table[name] = torch.randn(3, 5, generator=generator).to(dtype)
    table["d.count"] = torch.arange(7)
    table["e.mask"] = torch.tensor([True, False])
    table["f.scalar"] = torch.tensor(2.5)
    return table


def same(path: Path, expected: dict[str, Any]) -> bool:
    found = safetensors_torch.load_file(path)
    return found.keys() == expected.keys() and all(
        torch.equal(found[key], value) and found[key].dtype == value.dtype for key, value in expected.items()
    )


def as_zip(path: Path, payload: bytes, extra: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> Path:
    """A zip laid out as torch.save does, with `payload` as its pickle."""
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", payload)
        archive.writestr("archive/version", b"3\n")
        for name, data in (extra or {}).items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict"])
def test_weights_come_out_as_safetensors_with_equal_tensors(
    tmp_path: Path, door: Any, zipped: bool, wrapper: str | None
) -> None:
    table = weights()
    content = table if wrapper is None else {wrapper: table, "epoch": 3, "lr": 0.1, "name": "run", "steps": [1, 2]}
    path = tmp_path / "model.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    out = door(path)
    assert out.suffix == ".safetensors"
    assert same(out, table)


def test_second_visit_uses_the_rewritten_file_and_a_damaged_one_is_written_again(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "model.pth"
    torch.save(weights(), path)
    first = door(path)
    written = first.stat().st_mtime_ns
    assert door(path) == first
    assert first.stat().st_mtime_ns == written
    first.write_bytes(first.read_bytes()[:-1])
    assert same(door(path), weights())
    assert [entry.name for entry in first.parent.iterdir()] == [first.name]


def test_other_content_under_the_same_name_gets_another_file(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "model.pth"
    torch.save(weights(), path)
    first = door(path)
    torch.save({"a": torch.ones(2)}, path)
    assert door(path) != first


def test_module_prefix_and_names_are_kept(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "model.pt"
    torch.save({"module.a": torch.ones(2), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}}, path)
    assert set(safetensors_torch.load_file(door(path))) == {"module.a", "optimizer.state.0.step"}


def test_shared_parameters_and_views_become_copies(tmp_path: Path, door: Any) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    table = {
        "tied.a": base,
        "tied.b": base,
        "row": base[1],
        "turned": base.T,
        "parameter": torch.nn.Parameter(base + 1),
    }
    path = tmp_path / "model.pth"
    torch.save(table, path)
    assert same(door(path), {key: value.detach().contiguous() for key, value in table.items()})


def test_safetensors_is_returned_as_it_is(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "model.safetensors"
    safetensors_torch.save_file(dict(weights()), path, metadata={"format": "pt"})
    assert door(path) == path.resolve()
    assert not (tmp_path / "cache").exists()


def test_content_decides_and_a_pickle_may_not_call_itself_safetensors(tmp_path: Path, door: Any) -> None:
    path = tmp_path / "model.checkpoint"
    torch.save(weights(), path)
    assert same(door(path), weights())
    with pytest.raises(BadInput, match="is not a safetensors file"):
        door(path.rename(tmp_path / "model.safetensors"))


def test_full_disk_is_said_and_leaves_no_half_file(tmp_path: Path, door: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors_torch, "save_file", full)
    path = tmp_path / "w.pth"
    torch.save(weights(), path)
    with pytest.raises(BadInput, match="Free some disk space"):
        door(path)
    assert list((tmp_path / "cache").iterdir()) == []


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


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], 7, {"state_dict": {}}])
def test_checkpoint_without_weights_is_refused(tmp_path: Path, door: Any, content: Any) -> None:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    with pytest.raises(BadInput, match="holds no weights"):
        door(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.95])
def test_cut_off_checkpoint_is_refused(tmp_path: Path, door: Any, zipped: bool, share: float) -> None:
    path = tmp_path / "w.pth"
    torch.save({"a": torch.zeros(3000), "b": torch.ones(50)}, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BadInput):
        door(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"hello world, this is text",
        b"captain's log\nentry\n",
        b"(see below)",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
    ],
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.bin"])
def test_file_that_is_no_checkpoint_is_called_that(tmp_path: Path, door: Any, data: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"is not a checkpoint|is not a safetensors file"):
        door(path)


def test_missing_file_folder_and_oversized_file_are_refused(tmp_path: Path, door: Any) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        door(tmp_path / "none.pth")
    with pytest.raises(BadInput):
        door(tmp_path)
    path = tmp_path / "w.pth"
    torch.save(weights(), path)
    with pytest.raises(BadInput, match="The limit is 100 bytes"):
        door(path, limits=CheckpointLimits(max_bytes=100))
    with pytest.raises(BadInput, match="instructions"):
        door(path, limits=CheckpointLimits(max_steps=5))


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


@given(
    zipped=st.booleans(),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_flipped_bytes_never_raise_anything_but_bad_input(
    tmp_path: Path, zipped: bool, flips: list[tuple[float, int]]
) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(6.0), "epoch": 3}, buffer, _use_new_zipfile_serialization=zipped)
    data = bytearray(buffer.getvalue())
    for place, value in flips:
        data[min(int(place * len(data)), len(data) - 1)] = value
    path = tmp_path / "w.pth"
    path.write_bytes(data)
    try:
        out = checkpoint_door(path, cache=tmp_path / "cache")
    except BadInput:
        return
    safetensors_torch.load_file(out)


def test_importing_the_door_imports_neither_torch_nor_opencv() -> None:
    import subprocess
    import sys

    code = "import sys, app.guard, app.guard.checkpoints, app.guard.rewrite, app.annotate.exporters as e\n"
    code += "sys.exit(bool({'torch', 'cv2', 'gradio', 'pycocotools'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
