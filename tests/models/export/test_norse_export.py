"""Networks of norse cells as users write them: what is exported runs the same, the rest is refused.

That the file says what the module computes is proved by export_norse itself, with an interpreter
that shares nothing with it; these tests show that the proof is sharp, and that a second reader,
nir, accepts the file.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from axonc.models import export_norse
from axonc.models.errors import ExportError
from axonc.models.export.nir_interpreter import interpret
from axonc.models.export.norse_network import Equivalence
from axonc.models.nn import neurons
from axonc.models.nn._norse import (
    IAFCell,
    IAFParameters,
    LIBoxCell,
    LICell,
    LIFBoxCell,
    LIFBoxParameters,
    LIFCell,
    LIFParameters,
    LIFRecurrentCell,
    SequentialState,
    reset_subtract,
)
from axonc.models.nn.binarize import BinaryConv2d, BinaryLinear, WeightScale
from axonc.models.nn.surrogates import Triangle

# after axonc.models.nn._norse, which silences what torch deprecates in norse's modules
LIF = import_module("norse.torch.module.lif").LIF


def spikes(*shape: int, seed: int = 1) -> Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.4).float()


def low(threshold: float = 0.05, **more: Any) -> Any:
    """Parameters with which random weights make a box cell fire."""
    tensors = {k: torch.tensor(v) if isinstance(v, float | list) else v for k, v in more.items()}
    return LIFBoxParameters(v_th=torch.tensor(threshold), **tensors)


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., tuple[nir.NIRGraph, Equivalence]]:
    def export(module: nn.Module, sample: Tensor) -> tuple[nir.NIRGraph, Equivalence]:
        torch.manual_seed(0)
        path = tmp_path / "network.nir"
        found = export_norse(module.eval(), path, sample)
        return nir.read(path), found

    return export


def lif_parameters(**values: Any) -> Any:
    return LIFParameters(**{k: torch.tensor(v) for k, v in values.items()})


@pytest.mark.parametrize(
    "cell",
    [
        LIFBoxCell(low()),
        LIFBoxCell(low(0.02, v_reset=-0.03, v_leak=0.01), dt=2e-3),
        LIFBoxCell(low(0.05, tau_mem_inv=[100.0, 200.0, 50.0, 80.0, 400.0])),
        LIFCell(lif_parameters(v_th=0.1)),
        LIFCell(lif_parameters(v_th=0.1, v_leak=-0.2, v_reset=-0.3, tau_syn_inv=300.0)),
        IAFCell(IAFParameters(v_th=torch.tensor(0.5), v_reset=torch.tensor(-0.25))),
        neurons.LIFCell(neurons.lif_parameters(1e-2, 0.05), Triangle(0.5)),
        neurons.PLIFCell(neurons.lif_parameters(1e-2, 0.05), Triangle(0.5)),
        neurons.IFCell(neurons.if_parameters(0.5), Triangle(0.5)),
    ],
    ids=lambda cell: type(cell).__name__,
)
def test_a_spiking_cell_fires_as_its_graph_does(
    cell: nn.Module, exported: Callable[..., Any]
) -> None:
    torch.manual_seed(3)
    _, found = exported(SequentialState(nn.Linear(8, 5), cell), spikes(60, 4, 8))
    assert found.differing == {"1": 0}
    assert found.silent == ()


@pytest.mark.parametrize("cell", [LIBoxCell(), LICell()], ids=["LIBoxCell", "LICell"])
def test_a_readout_integrates_as_its_graph_does(
    cell: nn.Module, exported: Callable[..., Any]
) -> None:
    graph, found = exported(SequentialState(nn.Linear(8, 5), cell), spikes(60, 4, 8))
    assert found.largest_error["output"] < 1e-6  # float32 against float64
    assert type(graph.nodes["1"]) in (nir.LI, nir.CubaLI)


def test_time_constants_are_seconds(exported: Callable[..., Any]) -> None:
    """norse 1.1.0's own exporter writes dt/tau_mem_inv, 1e-5 for a time constant of 1e-2."""
    graph, _ = exported(SequentialState(nn.Linear(8, 5), LIFCell()), spikes(20, 2, 8))
    assert graph.nodes["1"].tau_mem == pytest.approx(np.full(5, 1e-2))
    assert graph.nodes["1"].tau_syn == pytest.approx(np.full(5, 5e-3))
    assert graph.nodes["1"].w_in == pytest.approx(np.full(5, 5.0))
    assert graph.metadata["dt"] == 1e-3


def test_a_convolutional_network_with_everything(exported: Callable[..., Any]) -> None:
    torch.manual_seed(3)
    norm = nn.BatchNorm2d(4)
    with torch.no_grad():
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(-1, 1)
        norm.bias.uniform_(-0.1, 0.1)
    module = SequentialState(
        nn.Conv2d(2, 4, 3, padding=1, stride=2, groups=2, bias=False),
        norm,
        LIFBoxCell(low()),
        nn.AvgPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(16, 6),
        LIFBoxCell(low()),
    )
    graph, found = exported(module, spikes(30, 3, 2, 8, 8))
    assert list(found.differing.values()) == [0, 0]
    assert {type(node).__name__ for node in graph.nodes.values()} == {
        "Input",
        "Conv2d",
        "LIF",
        "AvgPool2d",
        "Flatten",
        "Affine",
        "Output",
    }


def test_a_convolution_along_one_dimension(exported: Callable[..., Any]) -> None:
    module = SequentialState(nn.Conv1d(2, 3, 3, padding=1), LIFBoxCell(low()), nn.Flatten())
    _, found = exported(module, spikes(30, 3, 2, 9))
    assert found.differing == {"1": 0}


@pytest.mark.parametrize("scale", list(WeightScale))
def test_binary_layers_are_written_as_signs(
    scale: WeightScale, exported: Callable[..., Any]
) -> None:
    module = SequentialState(
        BinaryConv2d(2, 4, 3, scale=scale),
        nn.BatchNorm2d(4),
        IAFCell(IAFParameters(v_th=torch.tensor(1.3))),
        nn.Flatten(),
        BinaryLinear(64, 5, scale=scale),
        IAFCell(IAFParameters(v_th=torch.tensor(1.3))),
    )
    graph, found = exported(module, spikes(20, 2, 2, 6, 6))
    assert sum(found.differing.values()) == 0
    for name in ("0", "4"):
        assert graph.nodes[name].weight.dtype == np.int8
        assert set(np.unique(graph.nodes[name].weight)) <= {-1, 1}


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(6, 6), nn.Linear(6, 6)
        self.cell1, self.cell2 = LIFBoxCell(low()), LIFBoxCell(low())

    def forward(self, x: Tensor, state: Any = None) -> Any:
        one, two = state or (None, None)
        z, one = self.cell1(self.lin1(x), one)
        y, two = self.cell2(self.lin2(z) + z + x, two)
        return y, (one, two)


def test_residual_additions_become_edges(exported: Callable[..., Any]) -> None:
    graph, found = exported(Residual(), spikes(40, 3, 6))
    into = {source for source, target in graph.edges if target == "cell2"}
    assert into == {"lin2", "cell1", "input"}
    assert sum(found.differing.values()) == 0


def test_a_recurrent_cell_becomes_a_loop(exported: Callable[..., Any]) -> None:
    torch.manual_seed(3)
    cell = LIFRecurrentCell(8, 6, p=lif_parameters(v_th=0.3, v_leak=0.05, v_reset=-0.1))
    module = SequentialState(cell, nn.Linear(6, 3), LIFBoxCell(low()))
    graph, found = exported(module, spikes(60, 4, 8))
    assert {("0", "0_recurrent"), ("0_recurrent", "0")} < set(graph.edges)
    assert graph.nodes["0_recurrent"].weight.shape == (6, 6)
    assert sum(found.differing.values()) == 0
    assert found.silent == ()


def test_single_modules_are_networks_too(exported: Callable[..., Any]) -> None:
    graph, _ = exported(nn.Linear(3, 2), spikes(4, 2, 3))
    assert set(graph.edges) == {("input", "linear"), ("linear", "output")}
    graph, found = exported(LIFBoxCell(low()), spikes(30, 2, 3))
    assert found.differing == {"lifboxcell": 0}


def test_names_with_dots_are_kept_readable(exported: Callable[..., Any]) -> None:
    inner = SequentialState(nn.Linear(4, 4), LIFBoxCell(low()))
    graph, _ = exported(SequentialState(inner, nn.Linear(4, 2)), spikes(9, 2, 4))
    assert {"0_0", "0_1", "1"} < set(graph.nodes)


def test_what_does_not_reach_the_output_is_left_out(exported: Callable[..., Any]) -> None:
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.unused(x)
            return self.used(x)

    graph, _ = exported(Unused(), spikes(4, 2, 3))
    assert "unused" not in graph.nodes


def test_silent_populations_are_told(exported: Callable[..., Any]) -> None:
    module = SequentialState(nn.Linear(3, 2), LIFBoxCell(low(1e3)))
    assert exported(module, spikes(4, 2, 3))[1].silent == ("1",)


# -- refusals ------------------------------------------------------------------------------------


class Step(nn.Module):
    """A network whose one step is a function of (self, x)."""

    def __init__(self, step: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.lin, self.cell = nn.Linear(3, 3), LIFBoxCell(low())
        self.p = nn.Parameter(torch.ones(3))
        self.step = step

    def forward(self, x: Tensor, state: Any = None) -> Any:
        return self.step(self, x)


def unrolled(m: Any, x: Tensor) -> Any:
    state = None
    for _ in range(3):
        z, state = m.cell(m.lin(x), state)
    return z


def over_time(m: Any, x: Tensor) -> Any:
    return torch.stack([m.lin(step) for step in x])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda m, x: m.lin(x) + 1.0, r"operation 'add' in forward\(\): got an addition of a"),
        (lambda m, x: m.lin(x) + m.p, "got an addition of a constant or a parameter"),
        (lambda m, x: m.lin(x).add(m.p), "Put the constant into the bias of the layer before"),
        (lambda m, x: (y := m.lin(x)) + y, "the output of lin added to itself"),
        (lambda m, x: torch.add(m.lin(x), x, alpha=2), "an addition of a constant"),
        (lambda m, x: m.lin(m.lin(x)), "module 'lin': got a module that is called more than once"),
        (unrolled, "called more than once in one time step.*run the time loop outside forward"),
        (over_time, "TraceError.*move loops over time"),
        (lambda m, x: m.lin(x) * 0.5, "operation 'mul' in forward.*got an operation that NIR"),
        (lambda m, x: torch.relu(m.lin(x)), "operation 'relu'"),
        (lambda m, x: m.lin(x) if x.sum() > 0 else x, "decisions on data"),
        (lambda m, x: m.cell(x)[1].v, "got an operation that NIR does not have"),
        (lambda m, x: (m.lin(x), m.cell(x)[0]), "several tensors"),
        (lambda m, x: m.p, "no tensor from inside the network"),
        (lambda m, x: m.lin(x)[:, :2], "operation 'getitem'"),
        (lambda m, x: m.lin(x)[:, :1] + x, "operation 'getitem'"),
    ],
)
def test_what_a_tracer_would_drop_is_refused(
    step: Callable[[Any, Tensor], Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "network.nir"
    with pytest.raises(ExportError, match="(?i)" + message):
        export_norse(Step(step).eval(), path, spikes(4, 2, 3))
    assert not path.exists()


class Doubled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


def parametrised() -> nn.Module:
    layer = nn.Linear(3, 3)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", nn.Identity())
    return layer


def hooked() -> nn.Module:
    layer = nn.Linear(3, 3)
    layer.register_forward_hook(lambda _, __, output: output * 2)
    return layer


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Doubled(3, 3), "got Doubled, expected one of Linear"),
        (parametrised(), "remove_parametrizations"),
        (hooked(), "a hook on its forward pass"),
        (nn.Sequential(nn.Linear(3, 3), nn.ReLU()), "module '1': got ReLU"),
        (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 3)), "module '0': got a BatchNorm"),
        (SequentialState(LIF()), "module '0': got LIF, which returns tuple.*without Lift"),
        (LIFBoxCell(low(reset_method=reset_subtract)), "got a soft reset"),
        (LIBoxCell(low()), "not a cell's"),
        (LIFBoxCell(low(v_reset=[0.0, 0.1])), "The size of tensor a"),
        (LIFBoxCell(low(v_reset=[[0.0] * 3] * 2)), r"v_reset of shape \(2, 3\)"),
        (LIFBoxCell(low(tau_mem_inv=-1.0)), "positive rates"),
        (
            SequentialState(LIFBoxCell(low()), LIFBoxCell(low(), dt=2e-3)),
            "time step: got cells with dt = 0.001, 0.002 s",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_modules_that_nir_cannot_say_are_refused(
    module: nn.Module, message: str, tmp_path: Path
) -> None:
    if message == "not a cell's":
        module, message = LIBoxCell(low()), "starts at v_leak"
        module.p = module.p._replace(v_leak=torch.tensor(0.5))
    with pytest.raises(ExportError, match=message):
        export_norse(module.eval(), tmp_path / "network.nir", spikes(4, 2, 3))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    module = nn.Sequential(nn.ReLU(), nn.Linear(3, 3), nn.Tanh()).eval()
    with pytest.raises(ExportError, match=r"module '0', module '2': got ReLU; Tanh"):
        export_norse(module, tmp_path / "network.nir", spikes(4, 2, 3))


def test_training_mode_and_a_wrong_sample_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"training mode, expected.*Call module.eval\(\)"):
        export_norse(nn.Linear(3, 3), tmp_path / "network.nir", spikes(4, 2, 3))
    with pytest.raises(ExportError, match=r"torch.float32 of shape \(4, 3\)"):
        export_norse(nn.Linear(3, 3).eval(), tmp_path / "network.nir", spikes(4, 3))
    with pytest.raises(ExportError, match="the sample: got list, expected a torch Tensor"):
        export_norse(nn.Linear(3, 3).eval(), tmp_path / "n.nir", [[[0.0]]])  # type: ignore


def test_another_time_step_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="dt = 0.1 s for cells with dt = 0.001 s"):
        export_norse(LIFBoxCell().eval(), tmp_path / "n.nir", spikes(4, 2, 3), dt=0.1)


def test_the_proof_finds_state_that_tracing_cannot_see(tmp_path: Path) -> None:
    class Forgetful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = LIFBoxCell(low())

        def forward(self, x: Tensor, state: Any = None) -> Any:
            return self.cell(x, None)  # never gives the state back

    path = tmp_path / "network.nir"
    with pytest.raises(ExportError, match=r"node 'cell': got \d+ of 600 spikes that differ"):
        export_norse(Forgetful().eval(), path, 0.1 * spikes(50, 4, 3))
    assert not path.exists()


def test_the_interpreter_steps_a_cuba_neuron_by_hand() -> None:
    one = np.ones(1)
    graph = nir.NIRGraph(
        {
            "input": nir.Input({"input": np.array([1])}),
            "lif": nir.CubaLIF(
                tau_syn=2 * one,
                tau_mem=4 * one,
                r=one,
                v_leak=0 * one,
                w_in=2 * one,
                v_threshold=0.4 * one,
                v_reset=-0.5 * one,
            ),
            "output": nir.Output({"output": np.array([1])}),
        },
        [("input", "lif"), ("lif", "output")],
    )
    # dt = 1: i = i/2 + x; u = 3/4 v + i/4
    inputs = np.array([1, 1, 0]).reshape(3, 1, 1)
    # i: 1, 1.5, 0.75; u: 0.25, 0.5625 (fires, v = -0.5), -0.1875
    assert interpret(graph, inputs, dt=1.0)["output"].ravel().tolist() == [0, 1, 0]
