"""lava-dl's own netx runs the `.net` files that axonc writes: the same spikes in every bin.

Its environment has 5.6 GB: `axonc doctor --install netx` makes it, or AXONC_NETX_PYTHON names a
Python that has lava-dl 0.6.0. Where it is not there, these tests are skipped.
"""

import numpy as np
import pytest

from axonc.targets.loihi import Loihi, environment, netx_engine, requirements
from axonc.toolchain.errors import EngineError, InputError
from axonc.toolchain.ir import (
    BIPOLAR,
    Delay,
    Edge,
    Flatten,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    Output,
    Stage,
    Window,
    narrowest_type,
)

TARGET = Loihi()

needs_netx = pytest.mark.skipif(
    not environment.status(requirements.NETX)["installed"],
    reason="needs lava-dl: axonc doctor --install netx (5.6 GB), or AXONC_NETX_PYTHON",
)


def chain(shape, *nodes, loop=None):
    """A graph of nodes in a row; `loop` leads from the first neurons back to themselves."""
    named = {"in": Input(shape)}
    for node in nodes:
        named[f"{node.kind}{len(named)}"] = node
        shape = node.output_shape(shape)
    named["out"] = Output(shape)
    names = list(named)
    edges = [Edge(a, b) for a, b in zip(names, names[1:], strict=False)]
    if loop is not None:
        named["loop"] = loop
        edges += [Edge("IntegerNeuron2", "loop", 1), Edge("loop", "IntegerNeuron2")]
    return Graph(Stage.INTEGER, named, tuple(edges))


def signs(rng, *shape):
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def whole(rng, *shape):
    weight = rng.integers(-100, 101, shape).astype(np.int16) * 2
    return weight, narrowest_type(weight)


def dense(build, rng):
    return chain(
        (60,),
        IntegerAffine(signs(rng, 40, 60), BIPOLAR),
        build.integer_neuron(40, rng.integers(1, 8, 40), bias=rng.integers(-1, 2, 40)),
        IntegerAffine(*whole(rng, 10, 40)),
        build.integer_neuron(10, 300),
    )


def convolutional(build, rng):
    uneven = Window((1, 1), ((1, 0), (0, 1)), (1, 1))
    return chain(
        (2, 9, 8),
        IntegerConv(signs(rng, 4, 2, 3, 3), BIPOLAR, Window((2, 1), ((1, 1), (1, 1)), (1, 1))),
        build.integer_neuron((4, 5, 8), rng.integers(1, 4, (4, 1, 1))),
        IntegerConv(*whole(rng, 6, 4, 3, 3), uneven),
        build.integer_neuron((6, 4, 7), rng.integers(100, 300, (6, 4, 7))),
        Flatten(),
        IntegerAffine(signs(rng, 10, 168), BIPOLAR),
        build.integer_neuron(10, 6),
    )


def recurrent(build, rng):
    first = IntegerAffine(signs(rng, 20, 30), BIPOLAR)
    loop = IntegerAffine(signs(rng, 20, 20), BIPOLAR)
    return chain((30,), first, build.integer_neuron(20, 4), loop=loop)


def delayed(build, rng):
    """A delay for each input of a square layer, where netx would take a row to be by output."""
    late = Delay(rng.integers(0, 9, 20).astype(float))
    return chain((20,), late, IntegerAffine(signs(rng, 20, 20), BIPOLAR), build.integer_neuron(20))


@needs_netx
@pytest.mark.parametrize(
    ("make", "samples", "steps"),
    [(dense, 3, 60), (dense, 4, 2), (convolutional, 3, 60), (recurrent, 2, 20), (delayed, 2, 30)],
)
def test_netx_equals_the_emulator_on_every_bin(make, samples, steps, build):
    rng = np.random.default_rng(2)
    graph = make(build, rng)
    shape = next(iter(graph.inputs.values())).shape
    spikes = rng.random((samples, steps, *shape)) < 0.4
    program = TARGET.compile(graph)
    netx, emulator = TARGET.run(program, spikes, engine="netx"), TARGET.run(program, spikes)
    np.testing.assert_array_equal(netx.spikes["out"], emulator.spikes["out"])
    assert netx.spikes["out"].any() and netx.wall_s > 0
    assert netx.counters["bins"] == netx.spikes["out"].size
    assert netx.counters["bins_unlike_the_emulator"] == 0


@needs_netx
def test_netx_that_takes_too_long_or_breaks_is_an_error(build, monkeypatch):
    program = TARGET.compile(dense(build, np.random.default_rng(0)))
    spikes = np.ones((1, 20, 60), bool)
    with pytest.raises(EngineError, match="netx: did not finish within 0.5 s and was ended"):
        Loihi(lava_timeout_s=0.5).run(program, spikes, engine="netx")
    monkeypatch.setattr(netx_engine, "write_net", lambda program, path: path.write_bytes(b"not"))
    with pytest.raises(EngineError, match="netx: its worker ended with status 1"):
        TARGET.run(program, spikes, engine="netx")


def test_without_lava_dl_the_remedy_is_told(build, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("AXONC_NETX_PYTHON", raising=False)
    monkeypatch.setattr(environment, "find_python", lambda wanted: tmp_path / "python3.10")
    program = TARGET.compile(dense(build, np.random.default_rng(0)))
    with pytest.raises(EngineError, match="`axonc doctor --install netx` makes it"):
        TARGET.run(program, np.ones((1, 5, 60), bool), engine="netx")


def test_netx_shows_the_output_alone(build):
    program = TARGET.compile(dense(build, np.random.default_rng(0)))
    with pytest.raises(InputError, match="got 'IntegerNeuron2', expected none: netx shows"):
        TARGET.run(program, np.ones((1, 5, 60), bool), engine="netx", probes=["IntegerNeuron2"])
