"""The parameters of a machine: what a TOML file may say, and which of it makes hardware."""

from __future__ import annotations

from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from axonc.toolchain.errors import InputError
from axonc.toolchain.files import FileKind
from axonc.toolchain.files.toml import parse_toml, validated

_FILE = FileKind(
    "architecture",
    expected="a readable text file",
    remedy="give a parameter file like the shipped ones",
    most_bytes=1 << 20,
)

Positive = Annotated[int, Field(ge=1, le=1 << 30)]
Width = Annotated[int, Field(ge=2, le=41)]


class Dataflow(StrEnum):
    """The order in which a core visits its synapses."""

    EVENT_MAJOR = "event-major"
    """Walk the row of each arriving event (IBM 45 nm core of 2011, ODIN)."""
    NEURON_MAJOR = "neuron-major"
    """Note events in a bitmap, then scan every axon for every neuron (TrueNorth, RANC)."""


class Schedule(StrEnum):
    """When the layers of one time step do their neuron phases."""

    WITHIN_STEP = "within-step"
    """Wave after wave inside the step: a spike crosses the whole network in its own step."""
    PIPELINED = "pipelined"
    """All at once: every layer works on the spikes that the layer before sent a step earlier."""


class Packing(StrEnum):
    """When blocks of neurons share a core."""

    AS_NEEDED = "as-needed"
    """Where the mesh has too few cores for one each."""
    ALWAYS = "always"
    """Wherever they fit, so that fewest cores are used."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CoreParameters(_Section):
    """One core: its memories, its lanes, the cycles of its state machine."""

    dataflow: Annotated[Dataflow, Field(strict=False)] = Dataflow.EVENT_MAJOR
    axons: Positive
    """Rows of the synapse memory: sources that a core with dense synapses can tell apart."""
    neurons: Positive
    """Membranes and accumulators."""
    blocks: Positive = 8
    """Blocks of neurons that share the core at most: sets of block registers."""
    synapse_capacity_bits: Positive
    """Bits of the sign plane; the presence plane, where there is one, has as many."""
    has_presence_plane: bool = True
    """Whether a synapse may be absent."""
    synapse_lanes: Positive
    """P: synapses that an event-major core adds in one access of the accumulator memory."""
    scan_lanes: Positive = 1
    """W: axons that a neuron-major core scans in one cycle."""
    neuron_lanes: Positive = 1
    """Q: neurons that one access of the membrane memory updates."""
    membrane_ports: Annotated[int, Field(ge=1, le=2)] = 2
    """1: read, modify and write take two cycles an access; 2: one cycle."""
    event_overhead_cycles: Annotated[int, Field(ge=0, le=1 << 16)] = 1
    """Cycles an event costs beside its row."""
    neuron_overhead_cycles: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    """Neuron-major: cycles a neuron costs beside its scan."""
    phase_overhead_cycles: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    """Cycles at the start of each neuron phase."""
    event_fifo_depth: Positive = 16
    accumulator_bits: Width = 16
    membrane_bits: Width = 16
    current_bits: Annotated[int, Field(ge=0, le=41)] = 0
    """Width of a synaptic current; 0: the core has none."""
    threshold_bits: Width = 16
    bias_bits: Width = 16
    decay_bits: Annotated[int, Field(ge=0, le=30)] = 12
    """s at most: the decay m/2^s has a multiplier of s+1 bits."""

    @property
    def unrolls(self) -> bool:
        """Whether convolutions become matrices: a scan has no address generator."""
        return self.dataflow is Dataflow.NEURON_MAJOR

    @property
    def access_cycles(self) -> int:
        """Cycles of one read-modify-write of accumulators or membranes."""
        return 3 - self.membrane_ports


class MeshParameters(_Section):
    """The network on chip: columns x rows routers, one core each."""

    columns: Annotated[int, Field(ge=1, le=256)]
    rows: Annotated[int, Field(ge=1, le=256)]
    fifo_depth: Positive = 4
    """Flits that each input port of a router holds."""
    multicast: bool = False
    """Whether a spike goes to several cores by one flit, copied where their ways part."""
    chip_columns: Annotated[int, Field(ge=1, le=256)] | None = None
    """Columns of one chip, where the mesh spans several; None: all."""
    chip_rows: Annotated[int, Field(ge=1, le=256)] | None = None
    """Rows of one chip; None: all."""
    chip_link_cycles: Positive = 1
    """Cycles from one flit to the next on a link between chips."""


class ExternalMemory(_Section):
    """Where weights wait in layer-sequential mode."""

    bits_per_cycle: Positive


class Architecture(_Section):
    """A machine. Read one with `load_architecture`."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    description: str = ""
    clock_mhz: Annotated[float, Field(gt=0, le=1e5, strict=False)]
    schedule: Annotated[Schedule, Field(strict=False)] = Schedule.WITHIN_STEP
    packing: Annotated[Packing, Field(strict=False)] = Packing.AS_NEEDED
    barrier_cycles: Annotated[int, Field(ge=0, le=1 << 20)] = 2
    """Cycles from the first quiet cycle of a phase to the first cycle of the next."""
    core: CoreParameters
    mesh: MeshParameters
    external_memory: ExternalMemory | None = None

    @property
    def cores(self) -> int:
        """How many cores the mesh has."""
        return self.mesh.columns * self.mesh.rows

    @model_validator(mode="after")
    def _widths_hold_together(self) -> Architecture:
        core = self.core
        if core.threshold_bits > core.membrane_bits + 1:
            raise ValueError(
                f"threshold_bits = {core.threshold_bits} can never be reached by membranes of "
                f"{core.membrane_bits} bits; at most one bit more makes sense"
            )
        return self


def require_valid(architecture: Architecture) -> None:
    """Refuse an architecture that was changed by `model_copy`, which checks nothing.

    Raises:
        InputError: parameters that make no hardware, or that there are none of.
    """
    validated(
        Architecture,
        _values(architecture),
        "architecture",
        expected="parameters that make hardware",
        remedy="docs/binary_synapse.md lists every parameter and its range",
    )


def _values(section: BaseModel) -> dict[str, Any]:
    """Return all that was set, unknown names too, which pydantic's own dump leaves out."""
    return {
        name: _values(value) if isinstance(value, BaseModel) else value
        for name, value in vars(section).items()
    }


def preset_names() -> list[str]:
    """Return the names of the shipped architectures."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in files(__package__).joinpath("presets").iterdir()
        if entry.name.endswith(".toml")
    )


def load_architecture(source: str | Path) -> Architecture:
    """Read the shipped architecture called `source`, or the TOML file at that path.

    Raises:
        InputError: no such preset or file, not TOML, or parameters that make no hardware; all
            faults are listed at once.
    """
    names = preset_names()
    if str(source) in names:
        text = files(__package__).joinpath("presets", f"{source}.toml").read_text("utf-8")
        return architecture_from_toml(text, str(source))
    path = Path(source)
    if not path.exists():
        raise InputError(
            "architecture",
            got=repr(str(source)),
            expected=f"a TOML file, or one of {', '.join(names)}",
            remedy="docs/binary_synapse.md describes the parameters",
        )
    return architecture_from_toml(_FILE.text(path), str(path))


def architecture_from_toml(text: str, where: str) -> Architecture:
    """Read an architecture from TOML; `where` names it in messages.

    Raises:
        InputError: see `load_architecture`.
    """
    return parse_toml(
        Architecture,
        text,
        f"architecture {where}",
        expected="parameters that make hardware",
        remedy="docs/binary_synapse.md lists every parameter and its range",
    )
