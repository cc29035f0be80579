"""What a flit is, and which outputs of a router it wants.

A flit for one place is (destination core + 1) << 32 | cycles that its event takes there;
destination 0 is the host. A multicast flit is -1 - i, where branches[i] tells how many places it
goes to, and the entries behind it are a flit for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..machine.mesh import EAST, LOCAL, NORTH, PORTS, SOUTH, TO_HOST, WEST
from .compiled import inlined, uncounted

FLIT_CORE_SHIFT = 32
FLIT_CYCLES = (1 << FLIT_CORE_SHIFT) - 1
LOWEST_BIT = np.array([0, *((mask & -mask).bit_length() - 1 for mask in range(1, 1 << PORTS))])
BITS_SET = np.array([mask.bit_count() for mask in range(1 << PORTS)])


@inlined
def output_towards(
    flit: Any, router: Any, sender_router: np.ndarray, router_x: np.ndarray, router_y: np.ndarray
) -> Any:
    """Return the output that a flit for one place wants: XY, then local or host."""
    core = (flit >> FLIT_CORE_SHIFT) - 1
    target = sender_router[core] if core >= 0 else 0
    if router_x[target] != router_x[router]:
        return EAST if router_x[target] > router_x[router] else WEST
    if router_y[target] != router_y[router]:
        return SOUTH if router_y[target] > router_y[router] else NORTH
    return LOCAL if core >= 0 else TO_HOST


@uncounted
def branch_outputs(
    branches: np.ndarray,
    flit: int,
    port: int,
    router: int,
    sender_router: np.ndarray,
    router_x: np.ndarray,
    router_y: np.ndarray,
) -> int:
    """Return the outputs (bit mask) that a multicast flit wants which came in by `port`.

    Of its places, a copy that came in along a row is for those from this column on; one that came
    in along a column is for those in it from this row on.
    """
    wanted, at = 0, -1 - flit
    x, y = router_x[router], router_y[router]
    for index in range(at + 1, at + 1 + branches[at]):
        core = (branches[index] >> FLIT_CORE_SHIFT) - 1
        target = sender_router[core] if core >= 0 else 0
        right, down = router_x[target] - x, router_y[target] - y
        if (
            (port == WEST and right < 0)
            or (port == EAST and right > 0)
            or (port == NORTH and (right != 0 or down < 0))
            or (port == SOUTH and (right != 0 or down > 0))
        ):
            continue
        out = output_towards(branches[index], router, sender_router, router_x, router_y)
        wanted |= 1 << out
    return wanted


@inlined
def cycles_at(flit: Any, branches: np.ndarray, core: Any) -> Any:
    """Return the cycles that the event of a flit takes at one of the cores that it goes to."""
    found = flit
    if flit < 0:
        at = -1 - flit
        for index in range(at + 1, at + 1 + branches[at]):
            if (branches[index] >> FLIT_CORE_SHIFT) - 1 == core:
                found = branches[index]
    return found & FLIT_CYCLES


@inlined
def far_end(router: Any, out: Any, columns: Any) -> Any:
    """Return the input FIFO that output `out` of `router` leads to."""
    if out == NORTH:
        return (router - columns) * PORTS + SOUTH
    if out == SOUTH:
        return (router + columns) * PORTS + NORTH
    if out == EAST:
        return (router + 1) * PORTS + WEST
    return (router - 1) * PORTS + EAST
