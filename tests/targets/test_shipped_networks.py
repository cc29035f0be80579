"""Every network that comes with axonc, on every chip and architecture that comes with it."""

import numpy as np
import pytest

from axonc.models import zoo
from axonc.targets import Verdict
from axonc.targets.binary_synapse import preset_names
from axonc.targets.loihi import chip_names
from axonc.targets.registry import load_target
from axonc.toolchain.driver import lower
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.reference import execute

TARGETS = [
    *(f"loihi{{chip_name={name}}}" for name in chip_names()),
    *(f"binary_synapse{{architecture={name}}}" for name in preset_names()),
]


@pytest.fixture(scope="module", params=zoo.names())
def shipped(request):
    """An integer graph with input spikes and the reference's spikes."""
    graph = lower(load_graph(zoo.model_path(request.param))).integer
    (shape,) = (node.shape for node in graph.inputs.values())
    spikes = np.random.default_rng(0).random((1, 3, *shape)) < 0.1
    return graph, spikes


@pytest.mark.parametrize("spec", TARGETS)
def test_it_runs_as_the_reference_does_or_every_reason_is_told(spec, shipped):
    graph, spikes = shipped
    target = load_target(spec)
    try:
        program = target.compile(graph)
    except LoweringError as error:
        refused = [row for row in target.check(graph) if row.verdict is Verdict.UNSUPPORTED]
        assert refused and all(row.node in str(error) for row in refused)
        return
    run = target.run(program, spikes)
    expected = execute(program.graph, spikes).outputs
    for name, bits in expected.items():
        assert np.array_equal(run.spikes[name], bits)
