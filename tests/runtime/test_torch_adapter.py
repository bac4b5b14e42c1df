"""Loading modules: strict, mapped, with everything a constructor computes; torch's memory errors typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.runtime import WrongCheckpoint
from models.runtime.backends import torch_memory
from models.runtime.backends.torch_adapter import load_as_resource, load_module, module_bytes, skeleton


class Small(nn.Module):
    """Has everything that is easily lost: non-persistent buffer, plain tensor, tied weights, integer buffer."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, width)
        self.norm = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 5, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("positions", torch.arange(float(width)), persistent=False)
        self.scale = torch.full((1,), 0.5)

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.norm(self.embed(index)) + self.positions) * self.scale
        return out


def saved(module: nn.Module, path: Path, **changes: torch.Tensor | None) -> Path:
    state = {name: tensor.clone() for name, tensor in module.state_dict().items() if name != "head.weight"}
    for name, tensor in changes.items():
        key = name.replace("__", ".")
        if tensor is None:
            del state[key]
        else:
            state[key] = tensor
    save_file(state, path / "small.safetensors")
    return path / "small.safetensors"


@pytest.fixture
def trained() -> Small:
    torch.manual_seed(0)
    module = Small()
    module.norm.running_mean = torch.randn(4)
    return module.eval()


def test_loaded_module_computes_the_same_as_the_saved_one(trained: Small, tmp_path: Path) -> None:
    module = load_module(Small, saved(trained, tmp_path), "cpu")
    index = torch.arange(5)
    torch.testing.assert_close(module(index), trained(index), rtol=0, atol=0)
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))


def test_half_precision_file_becomes_what_the_module_was_built_with(trained: Small, tmp_path: Path) -> None:
    file = saved(trained, tmp_path, embed__weight=trained.embed.weight.detach().half())
    assert load_module(Small, file, "cpu").embed.weight.dtype == torch.float32


def test_asked_dtype_holds_for_all_floating_tensors_and_spares_integers(trained: Small, tmp_path: Path) -> None:
    module = load_module(Small, saved(trained, tmp_path), "cpu", torch.float16)
    assert {tensor.dtype for tensor in module.parameters()} == {torch.float16}
    assert module.positions.dtype == module.scale.dtype == torch.float16
    assert module.norm.num_batches_tracked.dtype == torch.int64


def test_missing_unexpected_and_wrong_shapes_are_all_named(trained: Small, tmp_path: Path) -> None:
    file = saved(trained, tmp_path, embed__weight=torch.zeros(5, 3), norm__bias=None, other=torch.zeros(1))
    with pytest.raises(WrongCheckpoint, match=r"small\.safetensors") as caught:
        load_module(Small, file, "cpu")
    assert caught.value.missing == ("norm.bias",)
    assert caught.value.unexpected == ("other",)
    assert caught.value.wrong_shape[0] == "embed.weight: file (5, 3), module (5, 4)"


def test_file_that_is_no_safetensors_is_named(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"\x80\x04pickle")
    with pytest.raises(WrongCheckpoint, match=r"weights\.safetensors is not a readable safetensors file"):
        load_module(Small, file, "cpu")
    with pytest.raises(WrongCheckpoint, match="no weights file"):
        load_module(Small, tmp_path / "absent.safetensors", "cpu")


def test_keys_can_be_renamed_and_dropped(trained: Small, tmp_path: Path) -> None:
    state = {f"model.{name}": tensor.clone() for name, tensor in trained.state_dict().items() if name != "head.weight"}
    save_file(state | {"optimizer.step": torch.zeros(1)}, tmp_path / "w.safetensors")
    module = load_module(Small, tmp_path / "w.safetensors", "cpu", rename=lambda key: (
        key.removeprefix("model.") if key.startswith("model.") else None))
    torch.testing.assert_close(module.embed.weight, trained.embed.weight.detach())


def test_finish_may_rebuild_what_the_constructor_computed(trained: Small, tmp_path: Path) -> None:
    def finish(module: nn.Module) -> None:
        module.positions = torch.full((4,), 9.0)

    assert load_module(Small, saved(trained, tmp_path), "cpu", finish=finish).positions.tolist() == [9.0] * 4


def test_constructor_that_needs_numbers_is_built_all_the_same(tmp_path: Path) -> None:
    class Curious(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rates = torch.linspace(0, 1, 3).tolist()
            self.layer = nn.Linear(2, 2)

    save_file(Curious().state_dict(), tmp_path / "c.safetensors")
    module = load_module(Curious, tmp_path / "c.safetensors", "cpu")
    assert module.rates == [0.0, 0.5, 1.0]
    assert not module.layer.weight.is_meta


def test_skeleton_has_no_weights_and_other_modules_keep_theirs() -> None:
    assert all(parameter.is_meta for parameter in skeleton(Small).parameters())
    assert not any(parameter.is_meta for parameter in Small().parameters())


def test_changing_a_loaded_weight_does_not_change_the_file(trained: Small, tmp_path: Path) -> None:
    file = saved(trained, tmp_path)
    before = file.read_bytes()
    load_module(Small, file, "cpu").embed.weight.fill_(7.0)
    assert file.read_bytes() == before


def test_resource_counts_its_bytes_and_lets_go_even_of_stray_references(trained: Small, tmp_path: Path) -> None:
    loaded = load_as_resource(Small, saved(trained, tmp_path), "cpu")
    assert loaded.bytes == module_bytes(loaded.value) == 4 * (20 + 4 * 4 + 4) + 8
    assert loaded.release is not None
    loaded.release()
    assert all(tensor.is_meta for tensor in loaded.value.parameters())


@pytest.mark.parametrize("problem", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
])
def test_torch_running_out_of_memory_is_typed(problem: Exception) -> None:
    shortage = torch_memory.translate(problem, "cuda:0")
    assert shortage is not None
    assert shortage.pool == "cuda:0"


def test_real_allocation_failure_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert torch_memory.translate(caught.value, "cpu") is not None


def test_other_errors_are_left_alone() -> None:
    assert torch_memory.translate(RuntimeError("shape mismatch"), "cpu") is None
    assert torch_memory.translate(ValueError("out of memory"), "cpu") is None


def test_peak_of_a_run_is_measured_where_the_system_allows() -> None:
    code = "import torch; from models.runtime.backends import torch_memory; peak = torch_memory.meter('cpu')\n"
    code += "torch.ones(40 * 10**6, dtype=torch.uint8); print(peak().get('device', -1))"
    # A process of its own: in this one earlier tests may have left memory that the block would fit into.
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "-1" or 30 * 10**6 < int(run.stdout) < 400 * 10**6


def test_free_memory_of_the_cpu_is_a_positive_number() -> None:
    assert torch_memory.free_bytes("cpu") > 0
