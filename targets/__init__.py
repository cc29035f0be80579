"""axonc.targets: chips and models of chips. One folder a chip; no chip knows another."""

from .base import EngineStatus, ForeignNetwork, NodeVerdict, Program, Run, Target, Verdict, describe
from .registry import REFERENCE, load_target, target_names

__all__ = [
    "REFERENCE",
    "EngineStatus",
    "ForeignNetwork",
    "NodeVerdict",
    "Program",
    "Run",
    "Target",
    "Verdict",
    "describe",
    "load_target",
    "target_names",
]
