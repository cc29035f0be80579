"""What an event meets in a bank, found by following every position of every window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from axonc.targets.binary_synapse.program.box import Box
from axonc.targets.binary_synapse.program.program import Bank, BinaryProgram
from axonc.toolchain.ir import Delay, IntegerAffine, IntegerConv, Node, SumPool
from axonc.toolchain.reference import linear_step


def walks_of(
    box: Box, nodes: Sequence[Node], shape: tuple[int, ...], source: int
) -> tuple[int, int]:
    """Return (neurons a row or tap adds to, rows or taps) by following every position."""
    where = np.unravel_index(source, shape)
    channel, positions = where[0], [tuple(int(p) for p in where[1:])]
    outputs = 1 if box.channels[0] <= channel < box.channels[1] else 0
    for node in nodes:
        if isinstance(node, IntegerAffine):
            return box.volume, len(positions)
        if isinstance(node, (SumPool, IntegerConv)):
            kernel = node.kernel if isinstance(node, SumPool) else node.weight.shape[2:]
            sizes = node.window.output_size(shape[1:], kernel)
            positions = [
                out
                for position in positions
                for out in np.ndindex(*sizes)
                for k in np.ndindex(*kernel)
                if all(
                    o * s + kk * d - p[0] == at
                    for o, s, kk, d, p, at in zip(
                        out,
                        node.window.stride,
                        k,
                        node.window.dilation,
                        node.window.padding,
                        position,
                        strict=True,
                    )
                )
            ]
        if isinstance(node, IntegerConv):
            per_group = len(node.weight) // node.groups
            group = channel // node.weight.shape[1]
            low = max(box.channels[0], group * per_group)
            outputs = max(0, min(box.channels[1], (group + 1) * per_group) - low)
        shape = node.output_shape(shape) if not isinstance(node, Delay) else shape
    if outputs == 0:
        return 0, 0
    ranges = [box.rows, box.columns][-len(positions[0]) :] if positions and positions[0] else []
    inside = [p for p in positions if all(a <= q < b for q, (a, b) in zip(p, ranges, strict=True))]
    return outputs, len(inside)


def stored_rows(program: BinaryProgram, bank: Bank) -> int:
    """Return how many matrix columns the bank's sources reach."""
    path, reached = bank.projection.path, set()
    for source in bank.accepts.flat_ids(program.grids[path.source]):
        signal = np.zeros((1, *program.graph.shapes[path.source]))
        signal.flat[source] = 1
        for name in path.through:
            node = program.graph.nodes[name]
            if isinstance(node, IntegerAffine):
                break
            if isinstance(node, IntegerConv):  # unrolled: one row a source
                signal = np.zeros((1, *program.graph.shapes[path.source]))
                signal.flat[source] = 1
                break
            if not isinstance(node, Delay):
                signal = linear_step(node)(signal)
        else:  # plain pooling, unrolled
            signal = np.zeros((1, *program.graph.shapes[path.source]))
            signal.flat[source] = 1
        reached |= set(np.flatnonzero(signal).tolist())
    return len(reached)
