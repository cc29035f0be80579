"""The binary-synapse accelerator: many cores whose synapses are single bits."""

from .architecture import Architecture, architecture_from_toml, load_architecture, preset_names
from .placement import Calibration
from .program import BinaryProgram
from .sequential import SequentialProgram
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
