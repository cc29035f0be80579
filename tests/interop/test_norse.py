"""norse 1.1.0: its own exporter, what is wrong with it, and axonc's export of the same networks.

`norse.torch.to_nir` writes tau = dt/tau_mem_inv, which is dt too small by a factor, and w_in = 1
for a synaptic current that jumps by 1 (norse #411; mended on its main branch for tau).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from axonc.toolchain.errors import InputError

torch = pytest.importorskip("torch")
nn = torch.nn
pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own deprecations

DT = 1e-3


@pytest.fixture
def norse(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("norse.torch")


@pytest.fixture
def exported(norse: ModuleType) -> Callable[..., tuple[Any, np.ndarray]]:
    """Run a network step by step, export it by norse; return (graph, its spikes)."""

    def run(net: Any, inputs: Any) -> tuple[Any, np.ndarray]:
        return norse.to_nir(net, inputs[0]), sent_by(net, inputs)

    return run


def sent_by(net: Any, inputs: Any) -> np.ndarray:
    sent, state = [], None
    with torch.no_grad():
        for x in inputs:
            z, state = net(x, state)
            sent.append(z.numpy())
    return np.stack(sent)


def dense(norse: Any, cell: str, n: int = 6, **values: float) -> Any:
    """A layer of one cell, its parameters one a neuron: nir cannot write norse's single numbers."""
    torch.manual_seed(4)
    kind = {"LIFBoxCell": "LIFBoxParameters", "LIFCell": "LIFParameters"}.get(cell, "IAFParameters")
    defaults = {"v_th": 0.1, "v_reset": 0.0}
    if cell != "IAFCell":
        defaults |= {"tau_mem_inv": 100.0, "v_leak": 0.0}
    if cell == "LIFCell":
        defaults |= {"tau_syn_inv": 200.0, "v_th": 0.3}
    parameters = {key: torch.full((n,), value) for key, value in (defaults | values).items()}
    p = getattr(norse, kind)(**parameters)
    return norse.SequentialState(nn.Linear(8, n), getattr(norse, cell)(p))


def test_iaf_spikes_are_equal(norse: Any, exported: Any, ours: Any, spikes: Any) -> None:
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(dense(norse, "IAFCell"), inputs)
    assert 0.02 < theirs.mean() < 0.98
    assert np.array_equal(ours(graph, inputs), theirs)


def test_its_time_constants_are_refused_at_its_own_step_and_right_at_the_step_squared(
    norse: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """tau = dt * tau_mem, so that reading with dt * dt gives the decay that norse runs with."""
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(dense(norse, "LIFBoxCell"), inputs)
    assert graph.nodes["1"].tau == pytest.approx(np.full(6, 1e-5))
    with pytest.raises(InputError, match="shorter than dt = 0.001"):
        ours(graph, inputs, dt=DT)
    assert 0.02 < theirs.mean() < 0.98
    assert np.array_equal(ours(graph, inputs, dt=DT * DT), theirs)


def test_its_reset_potential_is_lost(norse: Any, exported: Any, ours: Any, spikes: Any) -> None:
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(dense(norse, "LIFBoxCell", v_reset=-0.3), inputs)
    assert not np.any(graph.nodes["1"].v_reset)
    assert np.any(ours(graph, inputs, dt=DT * DT) != theirs)


def test_its_synaptic_current_is_scaled_wrongly(
    norse: Any, exported: Any, ours: Any, spikes: Any
) -> None:
    """w_in = 1 weighs a spike by dt/tau_syn = 0.2 where norse's current jumps by 1."""
    inputs = spikes(60, 4, 8)
    graph, theirs = exported(dense(norse, "LIFCell"), inputs)
    found = ours(graph, inputs, dt=DT * DT)
    assert found.sum() < 0.5 * theirs.sum()
    graph.nodes["1"].w_in = np.full(6, 5.0)
    assert np.array_equal(ours(graph, inputs, dt=DT * DT), theirs)


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("LIFBoxCell", {}),
        ("LIFBoxCell", {"v_reset": -0.3, "v_leak": 0.05}),
        ("LIFCell", {}),
        ("LIFCell", {"v_reset": -0.1}),
        ("IAFCell", {"v_reset": -0.2}),
    ],
)
def test_axoncs_own_export_is_equal(
    cell: str, values: dict[str, float], norse: Any, ours: Any, spikes: Any, tmp_path: Path
) -> None:
    from axonc.models import export_norse

    inputs = spikes(60, 4, 8)
    net = dense(norse, cell, **values).eval()
    export_norse(net, tmp_path / "network.nir", inputs)
    theirs = sent_by(net, inputs)
    assert 0.02 < theirs.mean() < 0.98
    assert np.array_equal(ours(tmp_path / "network.nir", inputs), theirs)


def test_axoncs_export_of_a_recurrent_network_is_equal(
    norse: Any, ours: Any, spikes: Any, tmp_path: Path
) -> None:
    """norse's exporter knows no recurrent cell."""
    from axonc.models import export_norse

    torch.manual_seed(4)
    cell = norse.LIFRecurrentCell(8, 6, p=norse.LIFParameters(v_th=torch.tensor(0.6)))
    net = norse.SequentialState(cell, nn.Linear(6, 4), norse.LIFCell()).eval()
    inputs = spikes(60, 4, 8)
    export_norse(net, tmp_path / "network.nir", inputs)
    theirs = sent_by(net, inputs)
    assert theirs.any()
    assert np.array_equal(ours(tmp_path / "network.nir", inputs), theirs)


def test_axoncs_export_of_a_convolutional_network_is_equal(
    norse: Any, ours: Any, spikes: Any, tmp_path: Path
) -> None:
    from axonc.models import export_norse

    torch.manual_seed(4)
    p = norse.LIFBoxParameters(v_th=torch.tensor(0.05))
    net = norse.SequentialState(
        nn.Conv2d(2, 4, 3, padding=1, stride=2, groups=2),
        nn.BatchNorm2d(4),
        norse.LIFBoxCell(p),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
        norse.LIFBoxCell(p),
    ).eval()
    inputs = spikes(40, 3, 2, 8, 8)
    export_norse(net, tmp_path / "network.nir", inputs)
    theirs = sent_by(net, inputs)
    assert theirs.any()
    assert np.array_equal(ours(tmp_path / "network.nir", inputs), theirs)
