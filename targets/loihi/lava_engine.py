"""Run a network in real Lava processes, all with the tag fixed_pt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .environment import engine_python
from .network import Network, SynapseGroup
from .projection import symmetrically_padded, unrolled
from .requirements import LAVA
from .sessions import Sessions
from .worker import job_folder, run_job


@dataclass(frozen=True)
class LavaRun:
    """Rasters (batch, time, *shape) of outputs and probed populations, aligned to the input.

    currents, potentials: u and v (before its reset) of the probed populations, int64.
    wall_s: Lava's run alone, without building or stopping.
    """

    spikes: Mapping[str, np.ndarray]
    currents: Mapping[str, np.ndarray]
    potentials: Mapping[str, np.ndarray]
    wall_s: float


def run_on_lava(
    network: Network,
    spikes: Mapping[str, np.ndarray],
    probes: Sequence[str] = (),
    timeout_s: float = 900.0,
) -> LavaRun:
    """Run `spikes`, {input: bits of shape (batch, time, *shape)}, on lava-nc 0.10.0.

    Raises:
        EngineError: Lava is missing, failed (the text ends with its log) or took over `timeout_s`.
    """
    python = engine_python(LAVA)
    job = _Job(Sessions(network, spikes), probes)
    with job_folder(LAVA.title) as folder:
        wall_s = run_job(
            LAVA.title, (python, LAVA.worker), folder, job.description(), job.arrays(), timeout_s
        )
        recorded = {n: job.sessions.read(folder, "spikes", n) for n in job.recorded}
        states = {n: job.sessions.read(folder, "probe", n).astype(np.int64) for n in job.probed}
    passed_on = {n: spikes[n] for n in network.outputs.values() if n in network.inputs}
    return LavaRun(
        spikes={name: raster.astype(bool) for name, raster in (recorded | passed_on).items()},
        currents={name: state[:, :, 0] for name, state in states.items()},
        potentials={name: state[:, :, 1] for name, state in states.items()},
        wall_s=wall_s,
    )


class _Job:
    """One network and its input in the worker's terms: indices for names, Lava's axis order."""

    def __init__(self, sessions: Sessions, probes: Sequence[str]) -> None:
        self.sessions = sessions
        self.network = network = sessions.network
        self.probed = [p.name for p in network.populations if p.name in probes]
        self.recorded = sorted({*probes, *network.outputs.values()} - set(network.inputs))

    def description(self) -> dict[str, Any]:
        """Return the job as JSON-ready values."""
        s, period = self.sessions, self.sessions.period
        return {
            "sessions": s.count,
            "inputs": [
                {"name": f"{s.index[name]}", "shape": s.shape(name), "steps": s.session_steps}
                for name in self.network.inputs
            ],
            "populations": [
                {
                    "name": f"{s.index[p.name]}",
                    "index": s.index[p.name],
                    "shape": s.shape(p.name),
                    "period": period,
                    "first": (1 + p.depth) % period,
                    "record": p.name in self.recorded,
                    "probe": p.name in self.probed,
                }
                for p in self.network.populations
            ],
            "synapses": [self._synapses(i, g) for i, g in enumerate(self.network.synapses)],
        }

    def _synapses(self, index: int, group: SynapseGroup) -> dict[str, Any]:
        common = {
            "name": f"g{index}",
            "source": f"{self.sessions.index[group.source]}",
            "target": f"{self.sessions.index[group.target]}",
        }
        if self._stays_convolution(group):
            kernel = group.kernel
            assert kernel is not None  # what _stays_convolution says
            window = kernel.window
            return common | {
                "kind": "conv",
                "input_shape": kernel.input_shape[::-1],
                "stride": window.stride[::-1],
                "dilation": window.dilation[::-1],
                "padding": [max(pair) for pair in window.padding[::-1]],
                "groups": kernel.groups,
            }
        return common | {
            "kind": "delayed" if np.any(group.delay) else "dense",
            "bits": group.bits,
            "exponent": group.exponent,
            "sign": str(group.sign),
        }

    def _stays_convolution(self, group: SynapseGroup) -> bool:
        """Whether Lava's Conv, which has neither delays nor exponents, can run it."""
        kernel, images = group.kernel, self.sessions.images
        return (
            kernel is not None
            and not np.any(group.delay)
            and group.step << max(group.exponent, 0) >> max(-group.exponent, 0) > 0
            and images.get(group.source) == kernel.input_shape
            and images.get(group.target) == kernel.output_shape
            and symmetrically_padded(group.weight, kernel.window) is not None
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the job by name."""
        s, found = self.sessions, self.sessions.inputs()
        for p in self.network.populations:
            for register in ("du", "dv", "vth", "bias_mant", "bias_exp"):
                values = np.broadcast_to(getattr(p, register), p.shape).reshape(-1)
                ordered = values[s.order(p.name)].reshape(s.shape(p.name))
                found[f"{s.index[p.name]}/{register}"] = ordered
        for index, group in enumerate(self.network.synapses):
            if self._stays_convolution(group):
                found[f"g{index}/weight"] = _lava_kernel(group)
                continue
            rows, columns = s.order(group.target), s.order(group.source)
            weight = unrolled(group.weight, group.kernel)
            found[f"g{index}/weight"] = weight[np.ix_(rows, columns)]
            if np.any(group.delay):
                delay = np.broadcast_to(group.delay.reshape(-1), (len(columns),))[columns]
                found[f"g{index}/delay"] = np.broadcast_to(delay, weight.shape)
        return found


def _lava_kernel(group: SynapseGroup) -> np.ndarray:
    """Return the kernel as Lava's Conv takes it: (out, width, height, in), flipped, exponent in."""
    assert group.kernel is not None
    shift = group.exponent
    weight = group.weight.astype(np.int64)
    weight = weight << shift if shift >= 0 else weight >> -shift
    padded = symmetrically_padded(weight, group.kernel.window)
    assert padded is not None
    return np.ascontiguousarray(padded[0][:, :, ::-1, ::-1].transpose(0, 3, 2, 1))
