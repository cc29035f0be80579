"""The binary-synapse accelerator: many cores whose synapses are single bits."""

from .machine.architecture import (
    Architecture,
    architecture_from_toml,
    load_architecture,
    preset_names,
)
from .mapping.placement import Calibration
from .mapping.sequential import SequentialProgram
from .program.program import BinaryProgram
from .target import BinarySynapse

__all__ = [
    "Architecture",
    "BinaryProgram",
    "BinarySynapse",
    "Calibration",
    "SequentialProgram",
    "architecture_from_toml",
    "load_architecture",
    "preset_names",
]
