"""Neurons that fire at their threshold, v >= threshold, where NIR's fire above it.

spikingjelly's and sinabs' do. Where potentials meet thresholds exactly (whole weights, a threshold
of 1) the two differ in every such step. A threshold lowered by less than any potential's rounding
makes `>` mean `>=`, in float and, floored, in integers. A subtracting reset then subtracts
1e-9 of the threshold too little at every spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import ir
from ..ir import Node

_LOWERED_BY = 1e-9
"""Of the threshold: above float64's rounding (1e-16), below float32's (6e-8), in which producers
compute."""


def firing_at_threshold(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return the nodes with every threshold lowered."""
    changed: dict[str, Node] = {}
    for name, node in nodes.items():
        if isinstance(node, ir.Threshold):
            changed[name] = replace(node, threshold=_lowered(node.threshold))
        elif isinstance(node, ir.IF | ir.LIF | ir.CubaLIF):
            changed[name] = replace(node, v_threshold=_lowered(node.v_threshold))
    return {**nodes, **changed}


def _lowered(threshold: np.ndarray) -> np.ndarray:
    exact = threshold.astype(np.float64)
    return exact - _LOWERED_BY * np.abs(exact)
