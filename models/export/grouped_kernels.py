"""Grouped convolutions, for the readers of NIR that do not read groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ungrouped(weight: NDArray[Any], groups: int) -> NDArray[Any]:
    """Write a grouped kernel as a whole one with absent synapses (0) between the groups.

    nir (1.0.8) infers a wrong input shape for groups > 1 and refuses the graph.
    """
    outs, ins = weight.shape[0] // groups, weight.shape[1]
    whole = np.zeros((weight.shape[0], ins * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * outs, (group + 1) * outs)
        whole[rows, group * ins : (group + 1) * ins] = weight[rows]
    return whole
