"""Run a program in lava-dl itself: its netx loads the `.net` file that axonc writes, and runs it.

netx clears layer after layer as the samples come, at the same steps as the Lava engine. It resets
in step `offset` of each interval, so an interval must be longer than there are layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .environment import engine_python
from .net_writer import write_net
from .program import LoihiProgram
from .requirements import NETX
from .sessions import Sessions
from .worker import job_folder, run_job


@dataclass(frozen=True)
class NetxRun:
    """The rasters (batch, time, *shape) of the output's population, aligned to the input.

    wall_s: the run alone, without loading, building or stopping.
    """

    spikes: Mapping[str, np.ndarray]
    wall_s: float


def run_on_netx(
    program: LoihiProgram, spikes: Mapping[str, np.ndarray], timeout_s: float = 900.0
) -> NetxRun:
    """Run `spikes`, {input: bits of shape (batch, time, *shape)}, on netx of lava-dl 0.6.0.

    Raises:
        EngineError: lava-dl is missing, failed (the text ends with its log) or took over
            `timeout_s`.
        LoweringError: a `.net` file cannot hold the network; every reason is listed.
    """
    network = program.network
    steps = next(iter(spikes.values())).shape[1]
    sessions = Sessions(network, spikes, pause=max(0, network.latency_steps + 2 - steps))
    with job_folder(NETX.title) as folder:
        write_net(program, folder / "network.net")
        python = engine_python(NETX)
        (source,), (output,) = network.inputs, network.outputs.values()
        description = {
            "sessions": sessions.count,
            "period": sessions.period,
            "steps": sessions.session_steps,
            "input": {"index": sessions.index[source], "shape": sessions.shape(source)},
            "output": {"index": sessions.index[output]},
        }
        wall_s = run_job(
            NETX.title, (python, NETX.worker), folder, description, sessions.inputs(), timeout_s
        )
        return NetxRun({output: sessions.read(folder, "spikes", output).astype(bool)}, wall_s)
