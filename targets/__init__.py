"""axonc.targets: chips and models of chips. One folder a chip; no chip knows another."""

from .base import (
    EngineStatus,
    ForeignNetwork,
    NodeVerdict,
    Program,
    Run,
    Target,
    Verdict,
    describe,
    require_frozen,
)
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
    "require_frozen",
    "target_names",
]
