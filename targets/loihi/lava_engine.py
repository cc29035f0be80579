"""Run a network in real Lava processes: RingBuffer, Dense, DelayDense, Conv and LIFReset, fixed_pt.

Samples follow one another in one session without a pause: LIFReset clears every population in the
step in which the sample's first step reaches it, depth steps after it entered. Where spikes are
delayed beyond that wave (loops, delays) a sample could reach into the next one, so each has a
session of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import glob
from math import prod
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from axonc.toolchain.errors import EngineError
from axonc.toolchain.ir import Shape

from .connection import symmetrically_padded, unrolled
from .lava_environment import WORKER, cache_folder, lava_python
from .network import Network, SynapseGroup

LONGEST_SOCKET_FOLDER = 70
"""Lava's processes make sockets in their temporary folder; a path of over 107 bytes is refused."""


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
        EngineError: Lava is missing, broke (the text ends with its log) or took over `timeout_s`.
    """
    python = lava_python()
    job = _Job(network, spikes, probes)
    with tempfile.TemporaryDirectory(prefix="axonc-lava-") as name:
        folder = Path(name)
        prefix = f"axonc-{os.getpid()}-{token_hex(4)}-"
        (folder / "job.json").write_text(json.dumps(job.description(prefix)))
        np.savez(folder / "arrays.npz", **job.arrays())  # type: ignore[arg-type]
        with _worker(python, folder, prefix) as process:
            try:
                status = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                raise EngineError(
                    f"Lava: did not finish within {timeout_s:g} s and was ended. Run fewer "
                    f"samples or raise the limit.{_log_tail(folder)}"
                ) from None
        if status != 0 or not (folder / "result.json").exists():
            raise EngineError(f"Lava: its worker ended with status {status}.{_log_tail(folder)}")
        return job.results(folder)


@contextmanager
def _worker(python: Path, folder: Path, shm_prefix: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker in a session of its own; afterwards nothing of it is left, however it ends."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONNOUSERSITE": "1"}
    environment.pop("PYTHONPATH", None)
    if len(str(folder)) <= LONGEST_SOCKET_FOLDER:
        environment["TMPDIR"] = str(folder)
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-s", str(WORKER), str(folder)], cwd=folder, env=environment,
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
        for segment in glob(f"/dev/shm/{shm_prefix}*"):
            with suppress(FileNotFoundError):
                os.unlink(segment)


def _log_tail(folder: Path) -> str:
    """Keep the worker's log in the cache folder; return where, and its last lines."""
    kept = cache_folder() / "lava-worker.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(folder / "worker.log", kept)
    lines = kept.read_text(errors="replace").strip().splitlines()[-15:]
    return f" Its log, kept as {kept}, ends with:\n" + "\n".join(lines)


class _Job:
    """One network and its input in the worker's terms: indices for names, Lava's axis order."""

    def __init__(
        self, network: Network, spikes: Mapping[str, np.ndarray], probes: Sequence[str]
    ) -> None:
        self.network, self.spikes = network, spikes
        self.batch, self.steps = next(iter(spikes.values())).shape[:2]
        self.probed = [p.name for p in network.populations if p.name in probes]
        self.recorded = sorted({*probes, *network.outputs.values()} - set(network.inputs))
        self.depths = {n: 0 for n in network.inputs} | {
            p.name: p.depth for p in network.populations
        }
        delays = [
            int(np.max(g.delay)) + 1 + self.depths[g.source] - self.depths[g.target]
            for g in network.synapses
        ]
        self.sessions = self.batch if max(delays) > 0 else 1
        self.session_steps = self.steps * (self.batch // self.sessions) + max(self.depths.values())
        self.images = _images(network)
        names = [*network.inputs, *(p.name for p in network.populations)]
        self.index = {name: index for index, name in enumerate(names)}

    def shape(self, name: str) -> Shape:
        """Return the shape that a population has in Lava: (width, height, channels), or flat."""
        if image := self.images.get(name):
            return image[::-1]
        return (prod(self.network.shape_of(name)),)

    def order(self, name: str) -> np.ndarray:
        """Return for each neuron, in Lava's order, its place in the graph's order."""
        image = self.images.get(name)
        size = prod(self.network.shape_of(name))
        return np.arange(size).reshape(image or (size,)).transpose().reshape(-1)

    def description(self, shm_prefix: str) -> dict[str, Any]:
        """Return the job as JSON-ready values."""
        period = self.steps if self.sessions == 1 else self.session_steps + 1
        return {
            "shm_prefix": shm_prefix,
            "sessions": self.sessions,
            "inputs": [
                {"name": f"{self.index[name]}", "shape": self.shape(name),
                 "steps": self.session_steps}
                for name in self.network.inputs
            ],
            "populations": [
                {"name": f"{self.index[p.name]}", "index": self.index[p.name],
                 "shape": self.shape(p.name), "period": period,
                 "first": (1 + p.depth) % period, "record": p.name in self.recorded,
                 "probe": p.name in self.probed}
                for p in self.network.populations
            ],
            "synapses": [self._synapses(i, g) for i, g in enumerate(self.network.synapses)],
        }  # fmt: skip

    def _synapses(self, index: int, group: SynapseGroup) -> dict[str, Any]:
        common = {
            "name": f"g{index}",
            "source": f"{self.index[group.source]}",
            "target": f"{self.index[group.target]}",
        }
        if self._stays_convolution(group):
            kernel = group.kernel
            assert kernel is not None  # what _stays_convolution says
            window = kernel.window
            return common | {
                "kind": "conv", "input_shape": kernel.input_shape[::-1],
                "stride": window.stride[::-1], "dilation": window.dilation[::-1],
                "padding": [max(pair) for pair in window.padding[::-1]], "groups": kernel.groups,
            }  # fmt: skip
        return common | {
            "kind": "delayed" if np.any(group.delay) else "dense", "bits": group.bits,
            "exponent": group.exponent, "sign": str(group.sign),
        }  # fmt: skip

    def _stays_convolution(self, group: SynapseGroup) -> bool:
        """Whether Lava's Conv can do it, which knows neither delays nor exponents."""
        kernel = group.kernel
        return (
            kernel is not None
            and not np.any(group.delay)
            and group.step << max(group.exponent, 0) >> max(-group.exponent, 0) > 0
            and self.images.get(group.source) == kernel.input_shape
            and self.images.get(group.target) == kernel.output_shape
            and symmetrically_padded(group.weight, kernel.window) is not None
        )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the job by name."""
        found: dict[str, np.ndarray] = {}
        for name, raster in self.spikes.items():
            ordered = raster.reshape(self.batch, self.steps, -1)[:, :, self.order(name)]
            per_session = self.batch // self.sessions
            for part in range(self.sessions):
                flat = ordered[part * per_session : (part + 1) * per_session]
                rows = np.zeros((self.session_steps, flat.shape[2]), bool)
                rows[: per_session * self.steps] = flat.reshape(-1, flat.shape[2])
                found[f"input/{self.index[name]}/{part}"] = np.packbits(rows, axis=0)
        for p in self.network.populations:
            for register in ("du", "dv", "vth", "bias_mant", "bias_exp"):
                values = np.broadcast_to(getattr(p, register), p.shape).reshape(-1)
                ordered = values[self.order(p.name)].reshape(self.shape(p.name))
                found[f"{self.index[p.name]}/{register}"] = ordered
        for index, group in enumerate(self.network.synapses):
            if self._stays_convolution(group):
                found[f"g{index}/weight"] = _lava_kernel(group)
                continue
            rows, columns = self.order(group.target), self.order(group.source)
            weight = unrolled(group.weight, group.kernel)
            found[f"g{index}/weight"] = weight[np.ix_(rows, columns)]
            if np.any(group.delay):
                delay = np.broadcast_to(group.delay.reshape(-1), (len(columns),))[columns]
                found[f"g{index}/delay"] = np.broadcast_to(delay, weight.shape)
        return found

    def results(self, folder: Path) -> LavaRun:
        """Read what the worker wrote."""
        wall_s = json.loads((folder / "result.json").read_text())["wall_s"]
        probes = {name: self._read(folder, "probe", name) for name in self.probed}
        return LavaRun(
            spikes={n: self._read(folder, "spikes", n).astype(bool) for n in self.recorded}
            | {n: self.spikes[n].astype(bool) for n in self.network.outputs.values()
               if n in self.network.inputs},
            currents={name: probe[:, :, 0].astype(np.int64) for name, probe in probes.items()},
            potentials={name: probe[:, :, 1].astype(np.int64) for name, probe in probes.items()},
            wall_s=wall_s,
        )  # fmt: skip

    def _read(self, folder: Path, what: str, name: str) -> np.ndarray:
        """Return one recording as (batch, time, [u and v,] *shape), the depth taken off."""
        depth, per_session = self.depths[name], self.batch // self.sessions
        parts = [
            np.load(folder / str(part) / f"{what}_{self.index[name]}.npy", allow_pickle=False)[
                depth : depth + per_session * self.steps
            ]
            for part in range(self.sessions)
        ]
        rows = np.concatenate(parts)
        ordered = np.empty_like(rows)
        ordered[..., self.order(name)] = rows
        return ordered.reshape(
            self.batch, self.steps, *rows.shape[1:-1], *self.network.shape_of(name)
        )


def _images(network: Network) -> dict[str, Shape]:
    """Return which populations are images (channels, height, width) to the convolutions on them."""
    found: dict[str, Shape] = {}
    for group in network.synapses:
        if group.kernel is not None:
            found.setdefault(group.source, group.kernel.input_shape)
            found.setdefault(group.target, group.kernel.output_shape)
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
