"""The target `loihi`: check, compile, run on the emulator or on Lava, cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np

from axonc.toolchain.cost import CostReport, Count
from axonc.toolchain.errors import InputError, InternalError
from axonc.toolchain.ir import Graph, IntegerNeuron
from axonc.toolchain.reference import Spikes, input_arrays

from ..base import EngineStatus, ForeignNetwork, NodeVerdict, Program, Run, Target
from .chip import Chip, load_chip
from .chip_lowering import ChipLowering
from .cost import cost_report
from .emulator import Emulation, emulate
from .environment import install, status
from .lava_engine import run_on_lava
from .lower import lower
from .mapping import ChipMapping
from .net_reader import read_net
from .net_writer import write_net
from .network import Network
from .netx_engine import run_on_netx
from .picture import draw_chips
from .program import LoihiProgram, LoihiRun
from .requirements import LAVA, NETX
from .thresholds import MEASURED, ThresholdChoice, threshold_choices, with_thresholds


@dataclass(frozen=True)
class Loihi(Target):
    """Intel's Loihi, as its fixed-point arithmetic and its published limits describe it.

    chip_name: the chip whose limits apply, `loihi1` or `loihi2`. thresholds: what to do where a
    core holds too few of them, `own`, `clustered` or `scaled`, see `thresholds.py`; `measured`
    tries them all on calibration spikes and takes the fewest cores that keep the spikes. strict:
    whether a state that overflows in the emulator is an error. lava_timeout_s: limit for a run on
    Lava or netx.
    """

    name: ClassVar[str] = "loihi"
    engines: ClassVar[tuple[str, ...]] = ("emulator", "lava", "netx")
    formats: ClassVar[tuple[str, ...]] = ("net",)
    formats_read: ClassVar[tuple[str, ...]] = ("net",)

    chip_name: str = "loihi1"
    thresholds: str = "own"
    strict: bool = False
    lava_timeout_s: float = 900.0
    calibration: Spikes | None = field(default=None, repr=False, compare=False)

    @property
    def chip(self) -> Chip:
        """The limits that apply."""
        return load_chip(self.chip_name)

    def check(self, graph: Graph) -> tuple[NodeVerdict, ...]:
        """Return a verdict for every node; see `Target.check`."""
        return self._lowered(graph).rows()

    def compile(self, graph: Graph) -> LoihiProgram:
        """Lower an integer graph; see `Target.compile`."""
        choices = self._choices(graph)
        graph = next((choice.graph for choice in choices if choice.chosen), graph)
        lowering = self._lowered(graph)
        network, lowered, partition = lowering.network, lowering.graph, lowering.partition
        if network is None or lowered is None or partition is None:
            self.require_lowerable(graph)
            raise InternalError(f"graph {graph.name!r} has no refusal and no Loihi network")
        return LoihiProgram(
            lowered, network.latency_steps, network, self.chip, ChipMapping(partition), choices
        )

    def calibrated(self, spikes: Spikes) -> Loihi:
        """Return the target with the spikes that `thresholds=measured` chooses by."""
        return replace(self, calibration=spikes)

    def _choices(self, graph: Graph) -> tuple[ThresholdChoice, ...]:
        """Return the measured ways to hold thresholds, where they are asked for."""
        if self.thresholds != MEASURED:
            return ()
        if self.calibration is None:
            raise InputError(
                "thresholds of target loihi",
                got=f"{MEASURED!r} without spikes to measure on",
                expected="calibration spikes",
                remedy="give them with --calibrate, or name a way: own, clustered or scaled",
            )
        return tuple(threshold_choices(graph, self.calibration, self.chip))

    def _lowered(self, graph: Graph) -> ChipLowering:
        way = "own" if self.thresholds == MEASURED else self.thresholds
        changed = with_thresholds(graph, way, self.chip)
        lowering = lower(changed, self.chip)
        for name, neuron in graph.of_type(IntegerNeuron).items():
            made = changed.nodes[name]
            if isinstance(made, IntegerNeuron) and made is not neuron:
                before, after = (np.unique(n.threshold).size for n in (neuron, made))
                lowering.losses[name].append(f"thresholds {way}: {after} values for {before}")
        return lowering

    def run(
        self,
        program: Program,
        spikes: Spikes,
        *,
        engine: str | None = None,
        probes: Sequence[str] = (),
    ) -> Run:
        """Run spikes, at most one a neuron and step; see `Target.run`.

        layers: by population spikes, updates and overflows, by connection its operations. On
        Lava and netx all counts are the emulator's, which is run beside them; counters then say
        how many of the output's and probes' `bins` there are and how many are
        `bins_unlike_the_emulator`. netx runs the `.net` file and shows its output alone.
        """
        program = _own(program)
        engine = self.chosen_engine(engine)
        inputs = _bits(program.graph, spikes)
        network = program.network
        inner = _probed_populations(network, program.graph, probes)
        emulation = emulate(network, inputs, inner)
        rasters, potentials, wall_s = emulation.spikes, emulation.potentials, emulation.wall_s
        if engine == "lava":
            lava = run_on_lava(network, inputs, inner, self.lava_timeout_s)
            rasters, potentials, wall_s = lava.spikes, lava.potentials, lava.wall_s
        elif engine == "netx":
            _refuse_probes(inner)
            netx = run_on_netx(program, inputs, self.lava_timeout_s)
            rasters, wall_s = netx.spikes, netx.wall_s
        batch, steps = next(iter(inputs.values())).shape[:2]
        layers = _layers(program, emulation, inputs)
        overflows = _overflows(layers)
        if self.strict and overflows:
            _refuse_overflows(program, overflows)
        outputs = {
            name: rasters[source].reshape(batch, steps, *program.graph.shapes[name])
            for name, source in network.outputs.items()
        }
        return LoihiRun(
            spikes={
                **outputs,
                **{name: rasters[name] for name in inner},
                **{name: inputs[name].astype(bool) for name in probes if name in inputs},
            },
            latency_steps=program.latency_steps,
            wall_s=wall_s,
            synaptic_operations=sum(emulation.operations.values()),
            potentials={name: potentials[name].astype(np.int64) for name in inner},
            counters={
                Count.SAMPLES: batch,
                Count.OVERFLOWS: overflows,
                **({} if engine == "emulator" else _compared(rasters, emulation.spikes)),
            },
            layers=layers,
            operations=emulation.operations,
            arrived=emulation.arrived,
        )

    def cost(self, program: Program, run: Run | None = None) -> CostReport:
        """Return memory, and for a run the activity and energy of one inference."""
        return cost_report(_own(program), None if run is None else _own_run(run))

    def write_format(self, program: Program, name: str, path: Path) -> None:
        """Write lava-dl's netx file (`net`); see `Target.write_format`."""
        if name not in self.formats:
            super().write_format(program, name, path)
        write_net(_own(program), path)

    def read_format(self, name: str, path: Path) -> ForeignNetwork:
        """Read lava-dl's netx file (`net`); see `Target.read_format`."""
        return read_net(path) if name in self.formats_read else super().read_format(name, path)

    def tables(self, program: Program, run: Run) -> dict[str, list[dict[str, Any]]]:
        """Return tables by layer and by core; see `Target.tables`."""
        return {**super().tables(program, run), "cores": program.cores()}

    def draw(self, program: Program, run: Run | None, path: Path) -> None:
        """Draw the chips: position, population and use of every core."""
        draw_chips(_own(program).mapping, path)

    def engine_status(self) -> tuple[EngineStatus, ...]:
        """Return whether each engine is installed, and if not, how to install it."""
        rows = [EngineStatus("emulator", True, "built in")]
        for wanted in (LAVA, NETX):
            there = status(wanted)
            if there["installed"]:
                detail = ", ".join(f"{what} {which}" for what, which in there["versions"].items())
            else:
                detail = f"{there['problem']}; {there['remedy']}"
            rows.append(EngineStatus(wanted.engine, there["installed"], detail))
        return tuple(rows)

    def install_engine(self, engine: str) -> None:
        """Make an engine's environment; see `Target.install_engine`."""
        known = {wanted.engine: wanted for wanted in (LAVA, NETX)}
        if engine not in known:
            super().install_engine(engine)
        install(known[engine])


def _own(program: Program) -> LoihiProgram:
    if not isinstance(program, LoihiProgram):
        raise InternalError(f"a {type(program).__name__} was given to target loihi")
    return program


def _own_run(run: Run) -> LoihiRun:
    if not isinstance(run, LoihiRun):
        raise InternalError(f"a {type(run).__name__} was given to target loihi")
    return run


def _bits(graph: Graph, spikes: Spikes) -> dict[str, np.ndarray]:
    """Return the input spikes as uint8 zeros and ones, by input."""
    arrays = input_arrays(graph, spikes)
    for name, array in arrays.items():
        if not np.all((array == 0) | (array == 1)):
            raise InputError(
                f"input spikes for node {name!r}",
                got=f"values from {array.min():g} to {array.max():g}",
                expected="0 and 1: Loihi carries at most one spike a neuron and step",
                remedy="encode with one spike a step, or use shorter steps",
            )
    return {name: array.astype(np.uint8) for name, array in arrays.items()}


def _probed_populations(network: Network, graph: Graph, probes: Sequence[str]) -> list[str]:
    populations = {p.name for p in network.populations}
    known = [*network.inputs, *(p.name for p in network.populations), *graph.outputs]
    if unknown := [name for name in probes if name not in known]:
        raise InputError(
            "probe",
            got=", ".join(map(repr, unknown)),
            expected=f"names of spiking nodes: {', '.join(known)}",
            remedy="list the nodes with axonc check",
        )
    return [name for name in dict.fromkeys(probes) if name in populations]


def _refuse_probes(names: Sequence[str]) -> None:
    if names:
        raise InputError(
            "probe on engine netx",
            got=", ".join(map(repr, names)),
            expected="none: netx shows the output alone",
            remedy="leave --probe out, or probe on the emulator or on Lava",
        )


def _refuse_overflows(program: LoihiProgram, overflows: int) -> NoReturn:
    raise InputError(
        f"run of graph {program.graph.name!r} on loihi",
        got=f"{overflows} overflows of currents or membranes",
        expected="none, since strict is set",
        remedy="use fewer fraction bits or smaller weights, or allow overflows",
    )


def _compared(theirs: Mapping[str, np.ndarray], ours: Mapping[str, np.ndarray]) -> dict[Count, int]:
    return {
        Count.BINS: sum(raster.size for raster in theirs.values()),
        Count.BINS_UNLIKE_THE_EMULATOR: sum(
            int(np.count_nonzero(raster != ours[name])) for name, raster in theirs.items()
        ),
    }


def _layers(
    program: LoihiProgram, emulation: Emulation, inputs: Mapping[str, np.ndarray]
) -> dict[str, Counter[Count]]:
    """Return the totals over the batch by node: connections, populations and inputs."""
    batch, steps = next(iter(inputs.values())).shape[:2]
    layers: defaultdict[str, Counter[Count]] = defaultdict(Counter)
    for group in program.network.synapses:
        layers[program.node_of(group)][Count.SYNAPTIC_OPERATIONS] += emulation.operations[
            group.name
        ]
    for p in program.network.populations:
        layers[p.name].update(emulation.counters[p.name])
        layers[p.name][Count.NEURON_UPDATES] += batch * steps * p.size
    for name, array in inputs.items():
        layers[name][Count.SPIKES] += int(array.sum())
    return dict(layers)


def _overflows(layers: Mapping[str, Counter[Count]]) -> int:
    return sum(
        counts[Count.CURRENT_WRAPS] + counts[Count.MEMBRANE_CLIPS] for counts in layers.values()
    )
