"""The checkpoint door: weights pass unchanged, programmes do not pass and do not run."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch as safetensors_torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.guard import BadInput
from app.guard.checkpoints import CheckpointLimits, checkpoint_door


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
