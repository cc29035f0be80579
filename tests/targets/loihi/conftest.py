"""Networks to try, and the chip once more, written out step by step."""

from types import SimpleNamespace

import numpy as np
import pytest

from axonc.targets.loihi import Kernel, Network, Population, Sign, SynapseGroup
from axonc.targets.loihi.projection import unrolled
from axonc.toolchain.ir import (
    BIPOLAR,
    Edge,
    Graph,
    Input,
    IntegerAffine,
    IntegerConv,
    IntegerNeuron,
    LeakyState,
    Output,
    Stage,
    Window,
    narrowest_type,
)

LIMIT = 1 << 23


def chip_by_hand(network, inputs):
    """Run the chip in its own steps, T + latency of them; return spikes, u and v (before reset)."""
    batch, steps = next(iter(inputs.values())).shape[:2]
    depths = {name: 0 for name in inputs} | {p.name: p.depth for p in network.populations}
    total = steps + max(depths.values())
    sent = {
        n: np.zeros((total, batch, s.reshape(batch, steps, -1).shape[2]), np.int64)
        for n, s in inputs.items()
    }
    for name, raster in inputs.items():
        sent[name][:steps] = raster.reshape(batch, steps, -1).swapaxes(0, 1)
    sent |= {p.name: np.zeros((total, batch, p.size), np.int64) for p in network.populations}
    state = {p.name: np.zeros((total, 2, batch, p.size), np.int64) for p in network.populations}
    uv = {p.name: np.zeros((2, batch, p.size), np.int64) for p in network.populations}
    flat = lambda p, x: np.broadcast_to(x, p.shape).reshape(-1)  # noqa: E731
    leak = lambda x, m: np.sign(x) * ((np.abs(x) * m) >> 12)  # noqa: E731
    for now in range(total):
        for p in network.populations:
            a = np.zeros((batch, p.size), np.int64)
            for group in network.into(p.name):
                matrix = unrolled(group.weight.astype(np.int64), group.kernel)
                when = now - 1 - np.broadcast_to(group.delay.reshape(-1), matrix.shape[1:])
                arrived = np.zeros((batch, matrix.shape[1]), np.int64)
                for j in np.flatnonzero(when >= 0):
                    arrived[:, j] = sent[group.source][when[j], :, j]
                total_in = arrived @ matrix.T
                e = group.exponent
                a += total_in << e if e >= 0 else total_in >> -e
            u, v = uv[p.name] * (now != p.depth)
            u = leak(u, 4096 - (flat(p, p.du) + 1)) + (a << 6)
            u = np.where(u > LIMIT, u - 2 * LIMIT, u)
            u = np.where(u <= -LIMIT, u + 2 * LIMIT, u)
            bias = flat(p, p.bias_mant) << flat(p, p.bias_exp)
            v = np.clip(leak(v, 4096 - flat(p, p.dv)) + u + bias, -LIMIT + 1, LIMIT - 1)
            fired = v > flat(p, p.vth) << 6
            sent[p.name][now], state[p.name][now] = fired, (u, v)
            uv[p.name] = np.stack([u, np.where(fired, 0, v)])

    def aligned(name, rows):
        shape = network.shape_of(name)
        return np.moveaxis(rows[depths[name] : depths[name] + steps], -2, 0).reshape(
            batch, steps, *shape
        )

    names = [p.name for p in network.populations]
    return SimpleNamespace(
        spikes={n: aligned(n, sent[n]).astype(bool) for n in names},
        currents={n: aligned(n, state[n][:, 0]) for n in names},
        potentials={n: aligned(n, state[n][:, 1]) for n in names},
    )


def random_network(seed, *, kind=None):
    """Return a random network of 1 to 3 populations and its input: every register is drawn."""
    rng = np.random.default_rng(seed)
    kind = kind or rng.choice(["dense", "dense", "conv", "delayed", "recurrent"])
    if kind == "conv":
        sizes = [(int(rng.integers(1, 4)), int(rng.integers(5, 9)), int(rng.integers(5, 9)))]
    else:
        sizes = [(int(rng.integers(3, 30)),)]
    populations, synapses = [], []
    depth, source = 0, "in"
    for layer in range(int(rng.integers(1, 4))):
        delay = int(rng.integers(0, 5)) if kind == "delayed" else 0
        name = f"p{layer}"
        kernel = None
        if kind == "conv" and layer < 2:
            kernel, weight_shape = _random_kernel(rng, sizes[-1])
            sizes.append(kernel.output_shape)
        else:
            sizes.append((int(rng.integers(2, 25)),))
            weight_shape = (sizes[-1][0], int(np.prod(sizes[-2])))
        synapses.append(
            _random_synapses(rng, f"s{layer}", source, name, weight_shape, delay, kernel)
        )
        depth += 1 + delay
        reach = np.abs(synapses[-1].weight.reshape(sizes[-1][0], -1)).sum(1).mean()
        reach *= 2.0 ** synapses[-1].exponent
        populations.append(_random_population(rng, name, sizes[-1], depth, kind, reach))
        if kind == "recurrent" and layer == 0:
            square = (sizes[-1][0],) * 2
            synapses.append(_random_synapses(rng, "loop", name, name, square, layer, None))
        source = name
    if kind == "delayed":
        width = sizes[0][0]
        extra = populations[0].depth - 1 + rng.integers(0, 6, width).astype(np.int64)
        shape = (sizes[1][0], width)
        synapses.append(_random_synapses(rng, "late", "in", "p0", shape, extra, None))
    network = Network({"in": sizes[0]}, tuple(populations), tuple(synapses), {"out": source})
    steps = int(rng.integers(4, 25))
    spikes = rng.random((int(rng.integers(1, 4)), steps, *sizes[0])) < rng.uniform(0.05, 0.6)
    return network, {"in": spikes.astype(np.uint8)}


def _random_kernel(rng, shape):
    k = tuple(int(rng.integers(1, 1 + min(3, size))) for size in shape[1:])
    pad = tuple((int(rng.integers(0, 2)), int(rng.integers(0, 2))) for _ in k)
    window = Window(tuple(int(x) for x in rng.integers(1, 3, 2)), pad, (1, 1))
    groups = shape[0] if rng.random() < 0.3 else 1
    out = groups * int(rng.integers(1, 4))
    kernel = Kernel(shape, (out, *window.output_size(shape[1:], k)), window, groups)
    return kernel, (out, shape[0] // groups, *k)


def _random_synapses(rng, name, source, target, shape, delay, kernel):
    bits = int(rng.integers(1, 9))
    sign = Sign(str(rng.choice(["mixed", "excitatory", "inhibitory"], p=[0.5, 0.4, 0.1])))
    bits = max(bits, 2) if sign is Sign.MIXED else bits
    step = 1 << 8 - bits + (sign is Sign.MIXED)
    low, high = {"mixed": (-256, 255), "excitatory": (0, 255), "inhibitory": (-255, 0)}[sign]
    weight = rng.integers(-(-low // step), high // step + 1, shape) * step
    # Lava ignores a convolution's exponent, so only such as leave integers are tried there.
    least = -(step.bit_length() - 1) if kernel is not None or np.ndim(delay) else -7
    exponent = int(rng.integers(least, 2))
    return SynapseGroup(
        name,
        source,
        target,
        weight.astype(np.int32),
        bits,
        sign,
        exponent,
        np.atleast_1d(np.asarray(delay, np.int64)),
        (name,),
        kernel,
    )


def _random_population(rng, name, shape, depth, kind, reach):
    # One value a neuron, one a channel, or one for all.
    form = [shape, (shape[0],) + (1,) * (len(shape) - 1), (1,) * len(shape)][rng.integers(0, 3)]
    du = rng.choice([4095, 4095, 0, int(rng.integers(0, 4096))])
    dv = rng.choice([0, 0, int(rng.integers(0, 4096)), 4095])
    most = int(np.clip(reach * rng.choice([0.05, 0.2, 0.8]), 1, 131071))
    # In a network with delays no bias may spike before its time: see `lower`.
    top = 200 if kind in ("dense", "conv") else 0
    return Population(
        name,
        shape,
        np.full(form, du),
        np.full(form, dv),
        rng.integers(0, most, form),
        rng.integers(-top, top + 1, form),
        rng.integers(0, 8, form),
        depth,
    )


def affine_graph(weights, neurons, name="network"):
    """Return the integer graph in - fc1 - lif1 - fc2 - lif2 ... - out."""
    nodes, edges = {"in": Input((weights[0].shape[1],))}, []
    last = "in"
    for i, (weight, neuron) in enumerate(zip(weights, neurons, strict=True), start=1):
        nodes[f"fc{i}"] = IntegerAffine(weight, narrowest_type(weight))
        nodes[f"lif{i}"] = neuron
        edges += [Edge(last, f"fc{i}"), Edge(f"fc{i}", f"lif{i}")]
        last = f"lif{i}"
    nodes["out"] = Output((weights[-1].shape[0],))
    edges.append(Edge(last, "out"))
    return Graph(Stage.INTEGER, nodes, tuple(edges), name=name)


def integer_neuron(shape, threshold=5, multiplier=3, shift=2, bits=12, **options):
    """Return a leaky integer neuron; keywords override its fields."""
    array = lambda x: np.asarray(x, np.int64).reshape(-1)  # noqa: E731
    shape = (int(shape),) if np.ndim(shape) == 0 else shape
    top = (1 << bits - 1) - 1
    threshold = np.asarray(threshold, np.int64)
    threshold = threshold.reshape(-1) if threshold.ndim < 2 else threshold
    fields = {
        "threshold": threshold,
        "bias": array(0),
        "v_reset": array(0),
        "membrane": LeakyState(array(multiplier), shift, -top - 1, top),
    }
    return IntegerNeuron(shape, **{**fields, **options})


@pytest.fixture
def build():
    """The builders of this file, by name."""
    return SimpleNamespace(
        chip_by_hand=chip_by_hand,
        random_network=random_network,
        affine_graph=affine_graph,
        integer_neuron=integer_neuron,
        BIPOLAR=BIPOLAR,
        IntegerConv=IntegerConv,
    )
