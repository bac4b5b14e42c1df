"""The layer under torch's recorders: compile, export and jit trace; ONNX export needs a package that is not pinned."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from models.parts.large_kernel import LargeKernelConv2d, sharing_grid
from models.parts.large_kernel_dispatch import Dispatcher, use
from models.parts.large_kernel_table import Table


@pytest.fixture(autouse=True)
def rule_only(tmp_path: Path) -> Iterator[None]:
    before = use(Dispatcher(Table(tmp_path), measure=False))
    yield
    use(before)


def layers() -> dict[str, tuple[LargeKernelConv2d, torch.Tensor]]:
    make = torch.Generator().manual_seed(0)
    made = {
        "shared": LargeKernelConv2d(2, 31, grid=sharing_grid(31)),
        "dense": LargeKernelConv2d(2, 15, stride=2),
        "small": LargeKernelConv2d(2, 7),
    }
    for layer in made.values():
        layer.reset_parameters(make)
    return {name: (layer.eval(), torch.randn(1, 2, 20, 18, generator=make)) for name, layer in made.items()}


@pytest.mark.parametrize("name", ["shared", "dense", "small"])
def test_compiles_in_one_graph_forward_and_backward(name: str) -> None:
    layer, x = layers()[name]
    torch.compiler.reset()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    got, wanted = compiled(x), layer(x)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(y.square().sum(), list(layer.parameters())) for y in (got, wanted)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["shared", "dense", "small"])
def test_exports_as_torchs_own_convolution(name: str) -> None:
    layer, x = layers()[name]
    program = torch.export.export(layer, (x,))
    torch.testing.assert_close(program.module()(x), layer(x), atol=1e-5, rtol=1e-5)
    called = {str(node.target) for node in program.graph.nodes}
    assert any("conv2d" in target for target in called)
    assert not any("fft" in target for target in called)


@pytest.mark.parametrize("name", ["shared", "dense", "small"])
def test_a_jit_trace_works_for_other_batches(name: str) -> None:
    layer, x = layers()[name]
    with torch.no_grad():
        traced = torch.jit.trace(layer, x)
        more = torch.cat([x, x + 1])
        torch.testing.assert_close(traced(more), layer(more), atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="onnxscript is not among the pins")
def test_exports_to_onnx() -> None:
    layer, x = layers()["shared"]
    file = io.BytesIO()
    torch.onnx.export(layer, (x,), file)
    assert file.tell()
