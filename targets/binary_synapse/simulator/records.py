"""The records that compiled code reads by name: what the rows of a program's arrays hold.

Every field is an int64; a box of sources is six of them: channels, rows and columns, each the first
and behind the last. A field of no meaning for a row is -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BOX = (np.int64, (6,))
"""(first channel, behind the last, first row, behind the last, first column, behind the last)."""


def _record(*fields: str, **others: Any) -> np.dtype[np.void]:
    """Return a record of int64 fields, and of others of a named type."""
    return np.dtype([*((name, np.int64) for name in fields), *((n, *t) for n, t in others.items())])


UNIT = _record("first_column", "channels", "rows", "columns")
"""What emits events, a block or an input node: its first column of `fired`, its node's grid."""

BANK = _record(
    "is_dense",  # 1 rows of sign bits, 0 a convolution's kernel
    "delay",  # steps
    "first_feed",  # in `feeds`; the next bank's ends these
    "channels",  # of the block's box
    "rows",
    "columns",
    "signs",  # dense: offset in `words` of the signs of present synapses; conv: offset in `kernel`
    "presence",  # dense: offset in `words` of the presence bits, -1 without absent synapses
    "words",  # dense: 64-bit words a row
    "row_starts",  # dense: offset in `table`, by flat source position, for those that it takes
    "row_numbers",  # dense: offset in `table` of the rows
    "effective",  # offset of present synapses by row, or by (channel, kernel row, kernel column)
    "row_taps",  # conv: offset in `table` of starts by source row, (kernel, output row) pairs
    "column_taps",  # conv: the same for columns
    "fan_out",  # conv: offset of (first output channel, output channels, kernel offset) by channel
    "kernel_rows",
    "kernel_columns",
    "most_rows",  # dense: rows of the source that has most
    "is_plain",  # dense: 1 if every source has the row of its own number and no synapse is absent
    accepts=BOX,  # the sources that it takes
)
"""The synapses of one projection in one block; offsets point into arrays of the image."""

BLOCK = _record(
    "first_slot",
    "last_slot",
    "first_bank",
    "last_bank",
    "helps",  # the block that gets its partial sums, NO_BLOCK, or HANDED_ON
    "wave",
    "fraction_bits",
    "subtracts",  # 1 if a spike subtracts the threshold, 0 if it resets
    "has_current",
)
"""The neurons of one box of one layer, in one core."""
NO_BLOCK, HANDED_ON = -1, -2
"""Values of `helps`: the block has membranes of its own; a later part goes on with its sums."""

STATE = _record("shift", "floors", "minimum", "maximum", "wraps")
"""How a state decays and what it can hold, see `LeakyState`; flags are 0 or 1."""

ROUTE = _record(
    "first_target",
    "last_target",
    "hold",  # steps that a spike waits in the history
    "delay",  # steps after which it counts at its destination
    "cores",  # that it reaches
    accepts=BOX,  # the sources that it is for
)
"""One line of a routing table."""

TARGET = _record("core", "bank", "block")
"""Where a route leads; all HOST at the host port."""

BANK_COUNTS = _record("events", "walks", "visited", "effective")
"""Of one bank: events taken; rows or taps walked; synapses visited, absent ones included; synapses
that added or subtracted 1."""

CAUSES = _record("walk", "neuron_phase", "send_waits", "event_fifo_waits", "link_waits")
"""What cycles of a step went to, each summed over all units that spent them so."""

PHASE_TIME = _record("first", "quiet")
"""The first cycle of a phase, and the first in which nothing is under way."""

CORE_TIME = _record("walk", "events", "end")
"""Of one core in one phase: cycles of walks, events taken, the cycle in which the last one ends."""

MOVE = _record("source", "output", "target")
"""A flit that moves in this cycle: input FIFO, output of its router, next FIFO (-1: none)."""

WAIT = _record("output", "heads")
"""An output, and how many heads of FIFOs wait for it in this cycle."""

LENGTHS = _record("sending", "sends", "stalls", "loaded", "pops", "live", "moves", "waits")
"""How many entries of the lists of a cycle are in use."""

OUTPUTS = _record("spikes", "first_cycle", "last_cycle")
"""What reached the host: how many spikes, and when the first and the last (-1: none)."""

WAITS = _record("event_fifos", "links")
"""Cycles that heads of FIFOs waited for room in event FIFOs, and for links."""


def zeros(shape: int | tuple[int, ...], record: np.dtype[np.void]) -> np.ndarray:
    """Return records of zeros."""
    return np.zeros(shape, record)
