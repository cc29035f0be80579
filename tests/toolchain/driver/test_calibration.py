from __future__ import annotations

import numpy as np
from graph_strategies import chain, lif, spike_trains

from axonc.targets.binary_synapse import BinarySynapse, load_architecture
from axonc.toolchain.driver import deploy, lower, measure
from axonc.toolchain.ir import Affine, Dialect, Graph, Input, IntegerNeuron, Output

RNG = np.random.default_rng(2)


def network() -> Graph:
    """Two binary layers of LIF neurons with biases, so that rounding matters."""
    nodes = {
        "input": Input((30,)),
        "first": Affine(RNG.choice([-1, 1], (20, 30)).astype(np.int8), RNG.normal(size=20)),
        "hidden": lif((20,), RNG, tau=3e-3),
        "second": Affine(RNG.choice([-1, 1], (10, 20)).astype(np.int8), RNG.normal(size=10)),
        "last": lif((10,), RNG, tau=3e-3),
        "output": Output((10,)),
    }
    return chain(nodes, Dialect(1e-3))


def fraction_bits(graph: Graph) -> dict[str, int]:
    return {name: node.fraction_bits for name, node in graph.of_type(IntegerNeuron).items()}


def test_calibration_takes_the_fewest_bits_that_keep_the_spikes() -> None:
    graph = network()
    spikes = spike_trains(graph, samples=20, steps=30, seed=1)
    strict = lower(graph, calibration=spikes, mismatch=0.0)
    loose = lower(graph, calibration=spikes, mismatch=0.05)
    assert all(share == 0 for share in measure(strict, spikes).mismatch.values())
    assert all(
        fraction_bits(loose.integer)[name] < bits
        for name, bits in fraction_bits(strict.integer).items()
    )
    told = [row.detail for row in loose.findings.about("hidden") if "calibrated" in row.detail]
    assert len(told) == 1
    # spikes that the choice was not made on
    fresh = spike_trains(graph, samples=20, steps=30, seed=2)
    assert max(measure(strict, fresh).mismatch.values()) < 0.01


def test_one_bit_less_would_have_changed_spikes() -> None:
    graph = network()
    spikes = spike_trains(graph, samples=20, steps=30, seed=1)
    strict = lower(graph, calibration=spikes, mismatch=0.0)
    from axonc.toolchain.passes import FixedPoint

    bits = fraction_bits(strict.integer)
    for name in bits:
        fewer = tuple((n, b - (n == name)) for n, b in bits.items())
        coarse = lower(graph, fixed_point=FixedPoint(fraction_bits_of=fewer))
        assert measure(coarse, spikes).mismatch[name] > 0


def test_calibration_places_the_accelerators_cores_too() -> None:
    shipped = load_architecture("edge")
    small = shipped.core.model_copy(update={"axons": 16, "neurons": 4})
    target = BinarySynapse(shipped.model_copy(update={"core": small}))
    spikes = spike_trains(network(), samples=4, steps=10, seed=1)
    plain, calibrated = (
        lower(network(), calibration=calibration) for calibration in (None, spikes)
    )
    hops = [
        deploy(lowering, target).run(spikes).counters["hops"] for lowering in (plain, calibrated)
    ]
    assert hops[1] < hops[0]
