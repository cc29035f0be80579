"""Run one `.net` file in netx of lava-dl; a script that stands alone in lava-dl's own environment.

Called as `_lava_worker` is, with which it shares everything but the network and its job's fields:
`network.net` in the job's folder, the input's bits, and the output's raster to record.
"""

# mypy: ignore-errors
# lava-dl has no types, and axonc is not installed where this runs.

from __future__ import annotations

import sys

import _lava_worker as worker

# Modules of axonc beside this script must not shadow others.
sys.path.pop(0)

PACKAGES = ("lava-dl", "lava-nc", "torch", "numpy", "scipy")


def import_netx():
    """Import what a job needs."""
    lava = worker.import_lava()
    from lava.lib.dl import netx

    lava.Network = netx.hdf5.Network
    return lava


def build(lava, job, arrays, part, folder):
    """Let netx make its processes for one session, with our recorder at its end."""
    np, source, steps = lava.np, job["input"], job["steps"]
    raster = np.unpackbits(arrays[f"input/{source['index']}/{part}"], axis=0, count=steps)
    bits = np.moveaxis(raster.reshape([steps, *source["shape"]]), 0, -1).astype(np.int32)
    network = lava.Network("network.net", reset_interval=job["period"], reset_offset=1)
    ring = lava.RingBuffer(data=bits.reshape([*network.inp.shape, steps]))
    ring.s_out.connect(network.inp)
    path = f"{folder}/spikes_{job['output']['index']}.npy"
    worker.empty_npy(np, path, (steps, int(np.prod(network.out.shape))), np.uint8)
    recorder = lava.Recorder(shape=network.out.shape, path=path)
    network.out.connect(recorder.a_in)
    return network, {recorder: lava.RecorderModel}, steps


if __name__ == "__main__":
    worker.main(import_netx, build, PACKAGES)
