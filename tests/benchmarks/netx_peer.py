"""Run by the interpreter of an environment that has lava-dl: one sample through netx itself.

    python netx_peer.py FILE.net INPUT.npy OUTPUT.npy

INPUT: bits of shape (time, width, height, channels) or (time, neurons). OUTPUT: the spikes of the
last layer, (time, its neurons), in netx's own steps, of which there are time + layers.
"""

# ruff: noqa: TID251  (this runs in lava-dl's environment, not in axonc's)

import sys

import numpy as np
from lava.lib.dl import netx
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source

path, source_path, sink_path = sys.argv[1:]
spikes = np.moveaxis(np.load(source_path), 0, -1).astype(np.int32)
steps = spikes.shape[-1]
# Layer l is cleared in step l + 1, when the first step of the sample reaches it.
network = netx.hdf5.Network(net_config=path, reset_interval=10 * steps, reset_offset=1)
total = steps + len(network)
padded = np.concatenate([spikes, np.zeros((*spikes.shape[:-1], len(network)), np.int32)], axis=-1)
source, sink = Source(data=padded), Sink(shape=network.out.shape, buffer=total)
source.s_out.connect(network.inp)
network.out.connect(sink.a_in)
network.run(condition=RunSteps(num_steps=total), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
recorded = sink.data.get()
network.stop()
# Images come as (width, height, channels, time): back to channels, height, width.
flat = recorded.transpose(*reversed(range(recorded.ndim - 1)), recorded.ndim - 1)
np.save(sink_path, np.moveaxis(flat.reshape(-1, total), -1, 0).astype(bool))
