"""What projections say of their axons, bits and presence, against the matrix of their path."""

from __future__ import annotations

import numpy as np
from binary_synapse_networks import convolutional_networks, dense_networks
from hypothesis import given, settings
from hypothesis import strategies as st

from axonc.targets.binary_synapse.program.box import Box, Grid
from axonc.targets.binary_synapse.program.paths import (
    ProjectionError,
    as_rows,
    follow,
    paths_into,
    population_grids,
    sum_range,
)
from axonc.targets.binary_synapse.program.projections import (
    ConvProjection,
    DenseProjection,
    Projection,
    RowProjection,
)
from axonc.toolchain.ir import Delay, Graph, IntegerNeuron, SignalPath, Taps, Window
from axonc.toolchain.reference import linear_step

networks = st.one_of(dense_networks(), convolutional_networks(), convolutional_networks(skips=True))


def matrix_of(graph: Graph, path: SignalPath) -> np.ndarray:
    """Return (neurons, sources) by sending each source alone through the nodes of the path."""
    shape = graph.shapes[path.source]
    signal = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    for name in path.through:
        if not isinstance(graph.nodes[name], Delay):
            signal = linear_step(graph.nodes[name])(signal)
    return signal.reshape(len(signal), -1).T


def followed(graph: Graph) -> list[tuple[SignalPath, Projection]]:
    grids = population_grids(graph)
    paths = [p for name in graph.of_type(IntegerNeuron) for p in paths_into(graph, name)]
    return [(path, follow(graph, path, grids)) for path in paths]


def some_box(data: st.DataObject, grid: Grid) -> Box:
    """Draw a box of a grid that is not empty."""
    ranges = []
    for length in grid:
        first = data.draw(st.integers(0, length - 1))
        ranges.append((first, data.draw(st.integers(first + 1, length))))
    return Box(*ranges)


def added_by_rows(projection: RowProjection, sources: Box, targets: Box) -> np.ndarray:
    """Return (neurons of `targets`, sources of `sources`) as the stored rows add up to."""
    flat, axons = np.sort(sources.flat_ids(projection.source_grid)), projection.axons_from(sources)
    synapses = projection.synapses(sources, targets).astype(int)
    if not isinstance(projection, DenseProjection) or projection.rows is None:
        return synapses
    assert projection.start is not None
    lists = [projection.rows[projection.start[i] : projection.start[i + 1]] for i in flat]
    return np.stack(
        [synapses[:, np.searchsorted(axons, rows)].sum(axis=1) for rows in lists], axis=1
    )


@settings(max_examples=60, deadline=None)
@given(networks, st.data())
def test_what_cores_store_adds_up_to_the_matrix(graph: Graph, data: st.DataObject) -> None:
    for path, projection in followed(graph):
        whole = matrix_of(graph, path)
        try:
            rows = as_rows(projection)
        except ProjectionError:
            assert np.abs(whole).max() > 1
            continue
        assert np.abs(whole).max(initial=0) <= 1 or isinstance(projection, DenseProjection)
        targets = some_box(data, rows.target_grid)
        sources = some_box(data, rows.source_grid)
        here = np.ix_(
            targets.flat_ids(rows.target_grid), np.sort(sources.flat_ids(rows.source_grid))
        )
        np.testing.assert_array_equal(added_by_rows(rows, sources, targets), whole[here])
        synapses = rows.synapses(sources, targets)
        assert rows.stored_synapses(sources, targets) == synapses.size
        assert rows.has_absent_synapses(sources, targets) == (0 in synapses)
        assert rows.kernel_bits(sources) == 0
        back = rows.coming_from("elsewhere")
        assert back.path.source == "elsewhere" and type(back) is type(rows)


@settings(max_examples=60, deadline=None)
@given(networks, st.data())
def test_no_source_outside_of_those_that_reach_a_box_has_a_synapse_in_it(
    graph: Graph, data: st.DataObject
) -> None:
    for path, projection in followed(graph):
        targets = some_box(data, projection.target_grid)
        inside = np.zeros(int(np.prod(projection.source_grid)), bool)
        inside[projection.reaching(targets).flat_ids(projection.source_grid)] = True
        rows = matrix_of(graph, path)[targets.flat_ids(projection.target_grid)]
        assert not rows[:, ~inside].any()


@settings(max_examples=60, deadline=None)
@given(networks, st.data())
def test_a_kernel_is_stored_once_for_the_channels_that_need_it(
    graph: Graph, data: st.DataObject
) -> None:
    for _, projection in followed(graph):
        if not isinstance(projection, ConvProjection):
            continue
        targets = some_box(data, projection.target_grid)
        sources = some_box(data, projection.source_grid)
        outputs, inputs = projection.group_sizes
        needed = [
            projection.kernel[o, c % inputs]
            for o in range(*targets.channels)
            for c in range(*sources.channels)
            if o // outputs == c // inputs
        ]
        bits = sum(kernel.size for kernel in needed) * projection.stored
        assert projection.stored_synapses(sources, targets) == bits
        absent = any(0 in kernel for kernel in needed)
        assert projection.has_absent_synapses(sources, targets) == (absent and projection.stored)
        assert len(projection.axons_from(sources)) == 0


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.data())
def test_parts_of_a_kernel_are_those_between_channels_of_one_group(
    groups: int, outputs: int, inputs: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(0)
    kernel = rng.integers(-1, 2, (groups * outputs, inputs, 2, 3)).astype(np.int8)
    window = Window((1, 1), ((0, 0), (1, 1)), (1, 1))
    rows, columns = window.taps((4, 5), (2, 3))
    path = SignalPath("in", "out", ("conv",), 0)
    grids = (groups * inputs, 4, 5), (groups * outputs, 3, 5)
    projection = ConvProjection(path, "conv", *grids, kernel, groups, rows, columns)
    sources, targets = (some_box(data, grid) for grid in grids)
    between = np.zeros((groups * outputs, groups * inputs, 2, 3), np.int8)
    for start, low, part in projection.kernel_parts(sources, targets):
        between[low : low + part.shape[0], start : start + part.shape[1]] = part
    expected = np.zeros_like(between)
    for o in range(*targets.channels):
        for c in range(*sources.channels):
            if o // outputs == c // inputs:
                expected[o, c] = kernel[o, c % inputs]
    np.testing.assert_array_equal(between, expected)
    unrolled = as_rows(projection)
    reaching = unrolled.reaching(targets)
    assert (
        unrolled.groups_together(targets.channels) * unrolled.axons_together(targets)
        == reaching.volume
        == len(unrolled.axons_from(reaching))
    )
    assert projection.reaching(targets) == reaching


@settings(max_examples=60, deadline=None)
@given(networks, st.integers(1, 3))
def test_sums_stay_in_their_range(graph: Graph, count: int) -> None:
    for name in graph.of_type(IntegerNeuron):
        least: np.ndarray | int = 0
        most: np.ndarray | int = 0
        for path in paths_into(graph, name):
            most_spikes = count if path.source in graph.inputs else 1
            whole = matrix_of(graph, path) * most_spikes
            least = least + np.minimum(whole, 0).sum(axis=1)
            most = most + np.maximum(whole, 0).sum(axis=1)
        found = sum_range(graph, name, count)
        assert found.low.dtype == np.int64
        assert (found.low <= least).all() and (most <= found.high).all()


def test_boxes_meet_in_what_lies_in_both() -> None:
    one, two = Box((0, 4), (1, 5), (2, 3)), Box((2, 9), (0, 2), (2, 4))
    assert one & two == Box((2, 4), (1, 2), (2, 3)) and (one & two).volume == 2
    assert (one & Box((5, 6), (0, 9), (0, 9))).volume == 0


def test_a_synapse_that_weighs_two_is_no_row() -> None:
    """Behind overlapping pools a source reaches an output by both weights of the kernel."""
    pair = Window((1,), ((0, 0),), (1,))
    (pooled,), (weighed,) = pair.taps((4,), (2,)), pair.taps((3,), (2,))
    columns = pooled.then(weighed, weighs=True)
    path = SignalPath("in", "out", ("pool", "conv"), 0)

    def with_kernel(*weights: int) -> ConvProjection:
        kernel = np.array(weights, np.int8).reshape(1, 1, 1, 2)
        grids = (1, 1, 4), (1, 1, 2)
        return ConvProjection(path, "conv", *grids, kernel, 1, Taps.identity(1), columns)

    assert with_kernel(1, 1).as_rows() is None and with_kernel(-1, -1).as_rows() is None
    assert with_kernel(1, 0).as_rows() is not None and with_kernel(1, -1).as_rows() is not None
