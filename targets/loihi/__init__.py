"""axonc.targets.loihi: Intel's Loihi, emulated bit for bit, and Lava to check it against."""

from .chip import Chip, Limit, chip_names, load_chip
from .emulator import Emulation, emulate
from .lava_engine import LavaRun, run_on_lava
from .lava_environment import install_lava, lava_status
from .network import Kernel, Network, Population, Sign, SynapseGroup
from .program import LoihiProgram
from .target import Loihi

__all__ = [
    "Chip", "Emulation", "Kernel", "LavaRun", "Limit", "Loihi", "LoihiProgram", "Network",
    "Population", "Sign", "SynapseGroup", "chip_names", "emulate", "install_lava", "lava_status",
    "load_chip", "run_on_lava",
]  # fmt: skip
