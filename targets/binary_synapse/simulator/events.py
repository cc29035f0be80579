"""The events of one sample: what each unit emitted in each step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Events(NamedTuple):
    """The spikes of all units, one after another.

    Those of unit u in step t are entries begin[t, u] to end[t, u] of `ids` and `slots`.
    """

    begin: np.ndarray  # (time, units)
    end: np.ndarray
    ids: np.ndarray  # flat position in the node
    slots: np.ndarray  # number within the unit, in the order of its neuron phase
