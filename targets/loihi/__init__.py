"""axonc.targets.loihi: Intel's Loihi, emulated bit for bit, and Lava to check it against."""

from .chip import Chip, Limit, chip_names, load_chip
from .emulator import Emulation, emulate
from .lava_engine import LavaRun, run_on_lava
from .net_reader import read_net
from .net_writer import write_net
from .network import Kernel, Network, Population, Sign, SynapseGroup
from .netx_engine import NetxRun, run_on_netx
from .picture import draw_chips
from .program import LoihiProgram
from .target import Loihi
from .thresholds import ThresholdChoice, threshold_choices

__all__ = [
    "Chip",
    "Emulation",
    "Kernel",
    "LavaRun",
    "Limit",
    "Loihi",
    "LoihiProgram",
    "Network",
    "NetxRun",
    "Population",
    "Sign",
    "SynapseGroup",
    "ThresholdChoice",
    "chip_names",
    "draw_chips",
    "emulate",
    "load_chip",
    "read_net",
    "run_on_lava",
    "run_on_netx",
    "threshold_choices",
    "write_net",
]
