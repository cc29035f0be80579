"""The table of docs/binary_synapse.md: latency and energy of three networks on the presets.

    python -m pytest tests/benchmarks/test_binary_synapse_tables.py --benchmarks -s

Trained: the network of the demo on 100 test digits, and the N-MNIST network on 100 test recordings
(data by others; left out where absent). VGG-11 has random weights and random input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from large_binary_networks import RATE, resnet19, vgg11

from axonc.models import TrainingConfig, dataset, encode, zoo
from axonc.targets.binary_synapse import BinarySynapse, load_architecture, preset_names
from axonc.toolchain.driver import lower
from axonc.toolchain.errors import LoweringError
from axonc.toolchain.frontend import load_graph
from axonc.toolchain.ir import Graph

SAMPLES = 100


def networks(shared: Path) -> Iterator[tuple[str, Graph, np.ndarray]]:
    """Yield each network with the spikes that it is measured on."""
    for name in ("mnist5k-mlp", "nmnist-conv"):
        config = TrainingConfig.from_toml(zoo.config_path(name))
        if config.data.path:
            path = shared / "data" / config.data.path
            if not path.exists():
                print(f"{name}: its data is absent here")
                continue
            config = replace(config, data=replace(config.data, path=str(path)))
        images = dataset(config).test.images[:SAMPLES]
        yield name, lower(load_graph(zoo.model_path(name))).integer, encode(config, images, "test")
    spikes = np.random.default_rng(1).random((4, 4, 64, 32, 32)) < RATE
    yield "VGG-11 (random)", vgg11(), spikes


def test_latency_and_energy_on_the_presets(shared: Path) -> None:
    columns = (
        "network",
        "architecture",
        "cores",
        "cycles",
        "time",
        "first spike out after",
        "synaptic operations, of walked",
        "energy",
    )
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name, graph, spikes in networks(shared):
        for preset in preset_names():
            try:
                print(f"| {name} | `{preset}` | {row(graph, spikes, preset)} |")
            except LoweringError as error:
                print(f"| {name} | `{preset}` | refused: {error.reasons[0]} |")


def test_what_multicast_is_worth() -> None:
    """Flits, links crossed and cycles of one sample with multicast, beside those without."""
    for name, make, size in (
        ("VGG-11", vgg11, (64, 32, 32)),
        ("ResNet-19", resnet19, (128, 32, 32)),
    ):
        graph = make()
        spikes = (np.random.default_rng(1).random((1, 4, *size)) < RATE).astype(np.uint8)
        for preset in ("wide", "edge"):
            counts = []
            for multicast in (False, True):
                machine = load_architecture(preset)
                mesh = machine.mesh.model_copy(update={"multicast": multicast})
                target = BinarySynapse(machine.model_copy(update={"mesh": mesh}))
                run = target.run(target.compile(graph), spikes)
                counts.append(
                    np.array([run.counters["flits"], run.counters["hops"], run.cycles.total])
                )
            flits, links, cycles = 100 * (counts[1] / counts[0] - 1)
            print(
                f"{name} on `{preset}`: {flits:+.1f} % flits, {links:+.1f} % links, "
                f"{cycles:+.1f} % cycles"
            )


def row(graph: Graph, spikes: np.ndarray, preset: str) -> str:
    """Return the figures of one network on one architecture, means of a sample."""
    target, machine = BinarySynapse(preset), load_architecture(preset)
    program = target.compile(graph)
    run = target.run(program, spikes.astype(np.uint8))
    cores = dict(program.summary()).get("cores", f"{len(run.part_totals)} parts")
    cycles = run.cycles.total / len(spikes)
    cycle = run.part_totals[-1].first_output_cycle
    first = cycle[cycle >= 0] if len(run.part_totals) == 1 else []  # parts start anew
    performed, walked = (
        run.counters[what] / len(spikes) for what in ("synaptic_operations", "synapses_walked")
    )
    energies = ", ".join(
        f"`{entry.profile}` {entry.total_pj / 1e6:.3g} uJ"
        for entry in target.cost(program, run).energy
        if entry.total_pj is not None
    )
    return (
        f"{cores} | {cycles:,.0f} | {cycles / machine.clock_mhz:,.0f} us | "
        f"{f'{np.mean(first) / machine.clock_mhz:,.1f} us' if len(first) else 'none'} | "
        f"{performed:,.0f} of {walked:,.0f} | {energies}"
    )
