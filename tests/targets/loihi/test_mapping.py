"""Splitting into cores and placing them: every limit kept, every count equal to brute force."""

import numpy as np
import pytest

from axonc.targets.loihi import Loihi, draw_chips, load_chip
from axonc.targets.loihi.core_usage import reached, synapse_bits
from axonc.targets.loihi.partition import partition_network
from axonc.targets.loihi.placement import place, traffic_of
from axonc.targets.loihi.projection import unrolled
from axonc.toolchain.errors import InputError, LoweringError
from axonc.toolchain.ir import (
    Edge,
    Graph,
    Input,
    IntegerConv,
    Output,
    Stage,
    Window,
    narrowest_type,
)

CHIP = load_chip("loihi1")


def conv_graph(build, rng, channels=(4, 32, 32), size=24, thresholds=None):
    """in - conv1 - lif1 - conv2 - lif2 - out, 3 x 3 kernels of signs."""
    nodes, edges, last = {"in": Input((channels[0], size, size))}, [], "in"
    for i, (before, after) in enumerate(zip(channels, channels[1:], strict=False), start=1):
        weight = (rng.integers(0, 2, (after, before, 3, 3)) * 2 - 1).astype(np.int8)
        window = Window((1, 1), ((1, 1), (1, 1)), (1, 1))
        nodes[f"conv{i}"] = IntegerConv(weight, narrowest_type(weight), window)
        theta = np.full((after, 1, 1), 9) if thresholds is None else thresholds
        nodes[f"lif{i}"] = build.integer_neuron((after, size, size), theta)
        edges += [Edge(last, f"conv{i}"), Edge(f"conv{i}", f"lif{i}")]
        last = f"lif{i}"
    nodes["out"] = Output(nodes[last].shape)
    return Graph(Stage.INTEGER, nodes, (*edges, Edge(last, "out")))


@pytest.mark.parametrize("seed", range(12))
def test_parts_cover_each_population_once_and_keep_every_limit(seed, build):
    network, _ = build.random_network(seed)
    partition = partition_network(network, CHIP)
    for p in network.populations:
        together = np.concatenate([fragment.neurons for fragment in partition.fragments[p.name]])
        assert sorted(together) == list(range(p.size))
    assert all(not partition.excess(u) for usages in partition.usage.values() for u in usages) == (
        not partition.violations()
    )


@pytest.mark.parametrize("seed", range(10))
def test_reach_of_tiles_equals_the_unrolled_matrix(seed, build):
    network, _ = build.random_network(seed, kind="conv")
    partition = partition_network(network, CHIP)
    for group in network.synapses:
        matrix = unrolled(group.weight, group.kernel) if group.kernel else group.weight
        for fragment in partition.fragments[group.target]:
            rows = matrix[fragment.neurons]
            taps = np.any(
                unrolled(np.ones_like(group.weight), group.kernel)[fragment.neurons], axis=0
            )
            expected = taps if group.kernel else np.any(rows, axis=0)
            if group.kernel:
                pixels = group.kernel.input_shape[1] * group.kernel.input_shape[2]
                expected = expected.reshape(-1, pixels).any(axis=0)
            np.testing.assert_array_equal(reached(group, fragment), expected)


def test_convolutions_share_lists_between_pixels_that_see_the_same_taps(build):
    program = Loihi().compile(conv_graph(build, np.random.default_rng(0), (1, 8), size=8))
    (group,) = program.network.synapses
    (fragment,) = program.mapping.partition.fragments["lif1"]
    # 9 patterns of taps (inner, 4 sides, 4 corners), for 2 bases of 256 in 512 compartments,
    # but each corner once; lists of 8 * (9, 6 or 4) synapses of 2 + 9 bits.
    words = lambda n: sum(  # noqa: E731
        -(-(min(64, n - i) * 11 + 10) // 64) * 64 for i in range(0, n, 64)
    )
    expected = 2 * words(72) + 4 * 2 * words(48) + 4 * 1 * words(32)
    assert synapse_bits(group, fragment, CHIP.synapse_lists) == expected


def test_a_core_holds_few_different_thresholds(build):
    thresholds = np.random.default_rng(1).permutation(32).reshape(32, 1, 1) + 5
    graph = conv_graph(build, np.random.default_rng(0), (2, 32), 8, thresholds)
    program = Loihi().compile(graph)
    used = [u["threshold_configurations"] for u in program.mapping.partition.usage["lif1"]]
    assert max(used) == 8 and sum(used) == 32  # channels sorted by threshold: none twice
    weight = np.ones((100, 4), np.int8)
    neuron = build.integer_neuron(100, np.random.default_rng(2).permutation(100) + 1)
    program = Loihi().compile(build.affine_graph([weight], [neuron]))
    assert program.mapping.core_count == 13
    assert program.mapping.fullest()["threshold_configurations"] == (8, 8)


def test_messages_count_every_core_that_a_spike_goes_to(build):
    program = Loihi().compile(conv_graph(build, np.random.default_rng(0)))
    mapping = program.mapping
    sent = mapping.messages(mapping.traffic)["spike_message"]  # one spike of each neuron
    group = next(g for g in program.network.synapses if g.source == "lif1")
    pixels = [reached(group, fragment) for fragment in mapping.partition.fragments["lif2"]]
    assert sent == 32 * np.sum(pixels)


def test_placing_never_loses_to_the_sequential_order_and_repeats_itself(build):
    graph = conv_graph(build, np.random.default_rng(0))
    traffic = traffic_of(partition_network(Loihi().compile(graph).network, CHIP))
    one, same, other = (place(traffic, CHIP, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.tile_xy, same.tile_xy)
    for placement in (one, other):
        assert placement.mean_hops < placement.sequential_mean_hops
        tiles, counts = np.unique(placement.tile_xy, axis=0, return_counts=True)
        assert counts.max() <= 4 and tiles.max() < 8


def test_a_network_that_cannot_fit_says_what_is_over_by_how_much(build):
    weight = np.ones((3, 5000), np.int8)
    wide = build.integer_neuron(3, 2)
    graph = build.affine_graph([weight, np.ones((2, 3), np.int8)], [wide, build.integer_neuron(2)])
    with pytest.raises(LoweringError) as caught:
        Loihi().compile(graph)
    assert caught.value.reasons == (
        "node 'lif1' (IntegerNeuron): needs 5000 input axons in a core, 904 more than the 4096 "
        "there are; one neuron has too many inputs: put a layer in between, or use fewer channels",
    )


def test_the_program_says_how_it_fits(build):
    program = Loihi().compile(conv_graph(build, np.random.default_rng(0)))
    rows = dict(program.summary())
    assert rows["cores"].endswith("on 1 chip")
    assert rows["compartments, fullest core"].endswith("of 1024")
    cores = program.mapping.cores
    assert len(cores) == program.mapping.core_count
    assert all(used <= room for core in cores for used, room in core.used.values())
    used, available = (
        sum(core[f"compartments_{what}"] for core in program.cores())
        for what in ("used", "available")
    )
    assert (used, available) == (2 * 32 * 24 * 24, 1024 * len(cores))


def test_a_picture_is_drawn_or_the_reason_told(build, tmp_path):
    mapping = Loihi().compile(conv_graph(build, np.random.default_rng(0))).mapping
    draw_chips(mapping, tmp_path / "chip.svg")
    assert "<svg" in (tmp_path / "chip.svg").read_text()
    with pytest.raises(InputError, match="expected an ending of .svg, .png, .pdf"):
        draw_chips(mapping, tmp_path / "chip.nonsense")
    with pytest.raises(InputError, match="Choose another folder"):
        draw_chips(mapping, tmp_path / "absent" / "chip.png")
    assert [file.name for file in tmp_path.iterdir()] == ["chip.svg"]


def test_every_core_tells_used_and_available(build):
    rng = np.random.default_rng(0)
    weights = [(rng.integers(0, 2, s) * 2 - 1).astype(np.int8) for s in ((2000, 40), (5, 2000))]
    graph = build.affine_graph(weights, [build.integer_neuron(2000), build.integer_neuron(5)])
    rows = Loihi().compile(graph).cores()
    assert [row["population"] for row in rows] == ["lif1", "lif1", "lif2"]
    assert [row["compartments_used"] for row in rows] == [1000, 1000, 5]
    assert {row["input_axons_available"] for row in rows} == {4096}
    assert all(row["output_axons_used"] <= row["output_axons_available"] for row in rows)
