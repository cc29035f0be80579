"""Integer graphs in a row and in a loop, for Loihi's tests."""

import numpy as np

from axonc.toolchain.ir import Edge, Graph, Input, IntegerAffine, Output, Stage, narrowest_type


def signs(rng, *shape):
    return (rng.integers(0, 2, shape) * 2 - 1).astype(np.int8)


def chain(nodes, shape):
    """Return in - nodes - out; nodes is {name: node}."""
    names = ["in", *nodes, "out"]
    last = Graph(
        Stage.INTEGER,
        {"in": Input(shape), **nodes, "out": Output(())},
        tuple(Edge(a, b) for a, b in zip(names, names[1:], strict=False)),
    )
    out = next(n.shape for n in reversed(list(nodes.values())) if hasattr(n, "shape"))
    return last.with_nodes({"out": Output(out)})


def recurrent_graph(build, delay, layers=1):
    rng = np.random.default_rng(7)
    neurons = {f"lif{i}": build.integer_neuron(6, 3) for i in range(1, layers + 1)}
    weights = [signs(rng, 6, 6) for _ in range(layers)]
    graph = build.affine_graph(weights, list(neurons.values()))
    loop = signs(rng, 6, 6)
    nodes = {**graph.nodes, "loop": IntegerAffine(loop, narrowest_type(loop))}
    edges = (*graph.edges, Edge(f"lif{layers}", "loop", delay), Edge("loop", "lif1"))
    return Graph(Stage.INTEGER, nodes, edges)
