"""What the demo found out, as it is written to result.json and shown in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from axonc.targets import NodeVerdict, describe

from ..cost import CostReport
from ..report import cost_json


@dataclass(frozen=True)
class EngineResult:
    """One engine: on how many images it ran, how many it classified right, and how long it took."""

    images: int
    accuracy: float
    wall_s: float


@dataclass(frozen=True)
class PairResult:
    """Two stages: the share of spike bins in which they differ, and why they may."""

    mismatch: float
    reason: str


@dataclass(frozen=True)
class DemoResult:
    """Everything the demo measured; `as_json` is the content of result.json."""

    seed: int
    network: str
    steps: int
    engines: Mapping[str, EngineResult]
    pairs: Mapping[str, PairResult]
    costs: Mapping[str, CostReport]
    verdicts: Mapping[str, tuple[NodeVerdict, ...]]
    assumed: Mapping[str, Any]
    training: Mapping[str, Any]
    programs: Mapping[str, Mapping[str, str]]
    versions: Mapping[str, str]
    wall_s: float

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready values.

        The figures of the integer network itself stand at the top (`memory_bits`,
        `synaptic_operations`); `energy_pj` holds every profile; `costs` the full report by target.
        """
        costs = {name: cost_json(report) for name, report in self.costs.items()}
        own = costs["reference"]
        return {
            "seed": self.seed,
            "network": self.network,
            "steps": self.steps,
            "accuracy": {name: engine.accuracy for name, engine in self.engines.items()},
            "images": {name: engine.images for name, engine in self.engines.items()},
            "engine_wall_s": {name: engine.wall_s for name, engine in self.engines.items()},
            "spike_mismatch": {name: pair.mismatch for name, pair in self.pairs.items()},
            "reasons": {name: pair.reason for name, pair in self.pairs.items()},
            "memory_bits": own["memory_bits"],
            "synaptic_operations": own["synaptic_operations"],
            "energy_pj": {
                profile: energy
                for cost in costs.values()
                for profile, energy in cost["energy_pj"].items()
            },
            "costs": costs,
            "verdicts": [
                row for target, rows in self.verdicts.items() for row in describe(rows, target)
            ],
            "assumed": dict(self.assumed),
            "training": dict(self.training),
            "programs": {name: dict(summary) for name, summary in self.programs.items()},
            "versions": dict(self.versions),
            "wall_s": self.wall_s,
        }
