"""axonc.targets: chips and models of chips. One folder a chip; no chip knows another."""

from .base import NodeVerdict, Program, Run, Target, Verdict, describe
from .registry import load_target, target_names

__all__ = [
    "NodeVerdict", "Program", "Run", "Target", "Verdict", "describe", "load_target",
    "target_names",
]  # fmt: skip
